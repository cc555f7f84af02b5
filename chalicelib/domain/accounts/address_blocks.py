"""Blocks of addresses that belong to one subscriber."""


def network_of(address: str) -> str:
    """The block that an address belongs to: an IPv4 address itself, and the /64 of an IPv6 address, the least that a
    subscriber has. A text that is no address is returned as it is.
    """
    from ipaddress import IPv6Address, ip_address

    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
