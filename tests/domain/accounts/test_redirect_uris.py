import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.accounts.redirect_uris import fault, is_loopback, matches, origin

HTTPS = "https://app.example/callback"
LOOPBACK = "http://127.0.0.1:3000/done"


@pytest.mark.parametrize(
    "uri",
    [
        HTTPS,
        "https://app.example",
        "https://app.example:8443/a/b?c=d",
        LOOPBACK,
        "http://localhost/cb",
        "http://[::1]:9/cb",
        "http://127.0.0.1",
    ],
)
def test_what_may_be_registered(uri: str) -> None:
    assert fault(uri) is None


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "app.example/callback",
        "//app.example/callback",
        "http://app.example/callback",
        "http://127.0.0.1.evil.example/",
        "http://127.0.0.2/",
        "http://localhost.evil.example/",
        "HTTPS://app.example/",
        "https:///callback",
        "https:app.example",
        "https://",
        "https://app.example/callback#",
        "https://app.example/#fragment",
        "https://*.example/",
        "https://app.example/*",
        "https://user@app.example/",
        "https://app.example:port/",
        "https://app.example;script-src/",
        "https://app.example',/",
        "https://app..example/",
        "https://[::1/",
        "https://app.example\\@evil.example/",
        "https://app.example/ space",
        "https://app.example/\n",
        'https://app.example/"',
        "https://ünicode.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        "com.example.app:/callback",
        "https://app.example/" + "a" * 2000,
    ],
)
def test_what_may_not_be_registered(uri: str) -> None:
    assert fault(uri)


@pytest.mark.parametrize(
    "asked",
    [
        "https://app.example/callback/",
        "https://app.example/Callback",
        "https://APP.example/callback",
        "http://app.example/callback",
        "https://app.example:443/callback",
        "https://app.example:8443/callback",
        "https://app.example/callback?x=1",
        "https://app.example/callback#x",
        "https://app.example/callback/../evil",
        "https://app.example/callback%2f",
        "https://app.example/%63allback",
        "https://app.example.evil.example/callback",
        "https://evil.example/callback",
        "https://app.example@evil.example/callback",
        "https://user@app.example/callback",
        "//app.example/callback",
        "https://app.example/callback\n",
        " https://app.example/callback",
        "",
    ],
)
def test_another_address_is_not_the_registered_one(asked: str) -> None:
    assert not matches(HTTPS, asked)


def test_the_registered_address_is_itself() -> None:
    assert matches(HTTPS, HTTPS)


@pytest.mark.parametrize(
    ("asked", "same"),
    [
        ("http://127.0.0.1/done", True),
        ("http://127.0.0.1:51004/done", True),
        ("http://localhost:3000/done", False),
        ("http://[::1]:3000/done", False),
        ("https://127.0.0.1:3000/done", False),
        ("http://127.0.0.1:3000/done/", False),
        ("http://127.0.0.1:3000@evil.example/done", False),
        ("http://127.0.0.1:3000.evil.example/done", False),
        ("http://127.0.0.1:/done", False),
        ("http://127.0.0.1:123456/done", False),
        ("http://127.0.0.1:3000/done\n", False),
    ],
)
def test_an_application_on_loopback_may_choose_its_port_and_nothing_else(asked: str, same: bool) -> None:
    assert matches(LOOPBACK, asked) is same


@given(st.text(st.characters(codec="ascii"), max_size=40))
def test_what_is_registered_leads_to_a_host_of_its_own(text: str) -> None:
    for uri in (text, f"https://{text}", f"http://127.0.0.1{text}"):
        if fault(uri) is None:
            assert is_loopback(uri) or uri.startswith("https://")
            assert uri.startswith(origin(uri)) and origin(uri).count("/") == 2


@given(st.text(max_size=40))
def test_no_text_breaks_the_judging(text: str) -> None:
    fault(text)
    matches(LOOPBACK, text)
