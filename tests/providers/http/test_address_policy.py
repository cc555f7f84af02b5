import pytest

from chalicelib.providers.http.address_policy import is_permitted

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2600:1f18::1",
    "2a00:1450::1",
]

INTERNAL = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "::ffff:0:10.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:a9fe:a9fe::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:a9fe:a9fe::1",
    "2002:808:808::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]

LOOPBACK = ["127.0.0.1", "127.255.255.254", "::1"]


@pytest.mark.parametrize("address", PUBLIC)
def test_the_public_internet_is_permitted(address: str) -> None:
    assert is_permitted(address, loopback=False)


@pytest.mark.parametrize("address", INTERNAL)
@pytest.mark.parametrize("loopback", [False, True])
def test_internal_and_special_addresses_never_are(address: str, loopback: bool) -> None:
    assert not is_permitted(address, loopback=loopback)


@pytest.mark.parametrize("address", LOOPBACK)
def test_this_machine_is_permitted_only_where_the_stage_says_so(address: str) -> None:
    assert is_permitted(address, loopback=True)
    assert not is_permitted(address, loopback=False)


def test_what_is_not_an_address_is_refused() -> None:
    with pytest.raises(ValueError, match="localhost"):
        is_permitted("localhost", loopback=True)
