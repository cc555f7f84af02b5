"""From how far apart two addresses are somebody else's."""


def network_of(address: str) -> str:
    """The network that an address stands for: itself, or of IPv6 the /64 that one subscriber has at least.

    What is no address stands for itself.
    """
    from ipaddress import IPv6Address, ip_address

    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return f"{IPv6Address(int(found) >> 64 << 64)}/64"
