import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import InvalidRequest
from chalicelib.providers.http.url_policy import MAX_URL_LENGTH, Target, parse_url

REFUSED = [
    ("", "1 to 2048 characters"),
    ("https://host.example/" + "a" * MAX_URL_LENGTH, "1 to 2048 characters"),
    ("https://host.example/a b", "spaces"),
    (" https://host.example/", "spaces"),
    ("https://host.example\t/", "control characters"),
    ("https://host.exa\nmple/", "control characters"),
    ("https://host.example\x00.evil.example/", "control characters"),
    ("https://host.example/\ud800", "characters"),
    ("https://good.example\\@169.254.169.254/", r"'\\'"),
    (r"https:\\host.example/", "'\\\\"),
    ("http://host.example/", "https://"),
    ("ftp://host.example/", "https://"),
    ("file:///etc/passwd", "https://"),
    ("gopher://host.example:443/", "https://"),
    ("javascript:alert(1)", "https://"),
    ("//host.example/", "https://"),
    ("host.example", "https://"),
    ("https://user@host.example/", "user name"),
    ("https://user:password@host.example/", "user name"),
    ("https://good.example@169.254.169.254/", "user name"),
    ("https://good.example:443@169.254.169.254/", "user name"),
    ("https://@host.example/", "user name"),
    ("https:///path", "host"),
    ("https:host.example/", "host"),
    ("https://:443/", "host"),
    ("https://a..b/", "host"),
    ("https://.host.example/", "host"),
    ("https://host.example../", "host"),
    ("https://-host.example/", "host"),
    ("https://" + "a" * 64 + ".example/", "host"),
    ("https://127.0.0.1%2f@host.example/", "user name"),
    ("https://127.0.0.1%2f.host.example/", "host"),
    ("https://ho,st.example/", "host"),
    ("https://[::1/", "cannot be read"),
    ("https://[::1]evil.example/", "host"),
    ("https://[fe80::1%25eth0]/", "host|read"),
    ("https://[127.0.0.1]/", "cannot be read|host"),
    ("https://[v1.x]/", "host|read"),
    ("https://127。0。0。1/", "ASCII"),
    ("https://127．0．0．1/", "ASCII"),
    ("https://１２７.0.0.1/", "ASCII"),
    ("https://①②⑦.0.0.1/", "ASCII"),
    ("https://bücher.example/", "xn--"),
    ("https://\u212aelvin.example/", "ASCII"),
    ("https://host.example:٤٤٣/", "ASCII"),
    ("https://host.example:80/", "443 or 8443"),
    ("https://host.example:22/", "443 or 8443"),
    ("https://host.example:0/", "443 or 8443"),
    ("https://host.example:65536/", "443 or 8443"),
    ("https://host.example:99999/", "443 or 8443"),
    ("https://host.example:123456/", "host"),
    ("https://host.example:-1/", "host"),
    ("https://host.example:443:443/", "host"),
]

UNDERSTOOD = [
    ("https://host.example", Target("https", "host.example", 443, "/")),
    ("HTTPS://Host.Example:/", Target("https", "host.example", 443, "/")),
    ("https://host.example./", Target("https", "host.example", 443, "/")),
    ("https://host.example:8443/a?b=c&d#e", Target("https", "host.example", 8443, "/a?b=c&d")),
    ("https://host.example?b", Target("https", "host.example", 443, "/?b")),
    ("https://host.example//double/../a", Target("https", "host.example", 443, "//double/../a")),
    ("https://host.example/%2e/ü", Target("https", "host.example", 443, "/%2e/%C3%BC")),
    ("https://xn--bcher-kva.example/", Target("https", "xn--bcher-kva.example", 443, "/")),
    ("https://a_b.example/", Target("https", "a_b.example", 443, "/")),
    ("https://[2600:1F18::1]:8443/", Target("https", "2600:1f18::1", 8443, "/")),
]


@pytest.mark.usefixtures("in_aws")
@pytest.mark.parametrize(("url", "sentence"), REFUSED)
def test_a_url_that_breaks_a_rule_is_refused_with_the_rule(url: str, sentence: str) -> None:
    with pytest.raises(InvalidRequest, match=sentence):
        parse_url(url)


@pytest.mark.usefixtures("in_aws")
@pytest.mark.parametrize(("url", "target"), UNDERSTOOD)
def test_a_good_url_is_taken_apart(url: str, target: Target) -> None:
    assert parse_url(url) == target


@pytest.mark.usefixtures("on_this_machine")
@pytest.mark.parametrize(
    ("url", "port"), [("http://localhost/", 80), ("http://[::1]:1/", 1), ("https://a:65535/", 65535)]
)
def test_the_local_stage_allows_http_and_any_port(url: str, port: int) -> None:
    assert parse_url(url).port == port


@pytest.mark.usefixtures("on_this_machine")
@pytest.mark.parametrize("url", ["http://localhost:0/", "http://localhost:65536/", "ftp://localhost/", "http://a@b/"])
def test_the_local_stage_keeps_the_other_rules(url: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_url(url)


@pytest.mark.usefixtures("on_this_machine")
def test_a_port_that_is_none_is_named_with_those_there_are() -> None:
    with pytest.raises(InvalidRequest, match="from 1 to 65535, not 65536"):
        parse_url("http://localhost:65536/")


@pytest.mark.usefixtures("on_this_machine")
@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("localhost:9000", "http://localhost:9000"),
        ("localhost:9000/predict?key=hush", "http://localhost:9000"),
        ("localhost", "http://localhost"),
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("//host.example/x", "http://host.example"),
        ("http:/host.example", "http://host.example"),
        ("http:host.example:80/x", "http://host.example:80"),
        ("http//host.example", "http://host.example"),
        ("HTTPS:/host.example", "https://host.example"),
    ],
)
def test_a_url_that_begins_wrong_is_answered_with_how_it_would_begin(url: str, right: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_url(url)
    assert refused.value.message == f"A URL must begin with http:// or https:// and its host: write {right}"


@pytest.mark.usefixtures("on_this_machine")
@pytest.mark.parametrize(
    "url", ["me:hush@host.example", "javascript:alert(1)", "/predict", "http:", "mailto:me@host.example", "ftp://hush"]
)
def test_where_a_url_has_no_clear_host_nothing_of_it_is_repeated(url: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^A URL must begin with http:// or https://( and its host)?\.$"):
        parse_url(url)


@pytest.mark.usefixtures("in_aws")
def test_in_aws_what_is_right_begins_with_https() -> None:
    with pytest.raises(
        InvalidRequest, match=r"must begin with https:// and its host: write https://host.example:8443$"
    ):
        parse_url("host.example:8443/x")


@pytest.mark.parametrize(
    ("target", "authority"),
    [
        (Target("https", "a.example", 443, "/"), "a.example"),
        (Target("https", "a.example", 8443, "/"), "a.example:8443"),
        (Target("http", "a.example", 80, "/"), "a.example"),
        (Target("https", "::1", 443, "/"), "[::1]"),
        (Target("https", "::1", 8443, "/"), "[::1]:8443"),
    ],
)
def test_the_authority_is_what_a_host_header_says(target: Target, authority: str) -> None:
    assert target.authority == authority


@pytest.mark.usefixtures("in_aws")
def test_any_text_is_understood_or_refused_and_what_is_understood_is_plain() -> None:
    @given(st.text(max_size=40) | st.text("htps:/[]@.:0123456789abcdefx%#?\\", max_size=40).map("https://".__add__))
    def hold(url: str) -> None:
        try:
            target = parse_url(url)
        except InvalidRequest:
            return
        assert target.scheme == "https"
        assert target.port in {443, 8443}
        assert target.path.startswith("/")
        assert (target.host + target.path).isascii()
        assert not set(target.host) & set("@/\\?#[]% ")

    hold()
