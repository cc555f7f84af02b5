"""The addresses that outbound requests may connect to.

The list is our own, because `ipaddress.is_global` is no protection: on the Pythons we run on it counts NAT64, 6to4,
multicast and v4-compatible forms of internal addresses as public. IPv6 forms that contain an IPv4 address are forbidden
whatever they contain, so that none has to be decoded.
"""

from ipaddress import ip_address, ip_network

LOOPBACK = tuple(map(ip_network, ("127.0.0.0/8", "::1/128")))

FORBIDDEN = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",  # this network, unspecified
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # carrier-grade NAT
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local, the metadata services
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # IETF protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarking
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
            "::/3",  # unspecified, loopback, v4-mapped, v4-compatible, NAT64 64:ff9b::/96 and 64:ff9b:1::/48, discard
            "2001::/23",  # IETF protocol assignments: Teredo, benchmarking, ORCHID
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "3fff::/20",  # documentation
            "4000::/2",  # unassigned, segment routing 5f00::/16
            "8000::/1",  # unassigned, unique local fc00::/7, link-local, site-local, multicast
        ),
    )
)

PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")))


def is_permitted(address: str, *, loopback: bool, private: bool = False) -> bool:
    """Whether outbound requests may connect to `address`, in a resolver's notation. `loopback` allows this machine as
    well. `private` allows private networks, and then no public address.

    Raises ValueError where `address` is not an IP address.
    """
    ip = ip_address(address)
    if any(ip in network for network in (*(LOOPBACK if loopback else ()), *(PRIVATE if private else ()))):
        return True
    return not private and not any(ip in network for network in FORBIDDEN)
