import pytest

from chalicelib.domain.url_masking import mask_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://one.example/predict", "https://one.example/predict"),
        ("https://one.example", "https://one.example"),
        ("https://one.example/p?key=hush&b=2", "https://one.example/p?key=***&b=***"),
        ("https://one.example/p?key=hu=sh", "https://one.example/p?key=***"),
        ("https://one.example/p?hush", "https://one.example/p?***"),
        ("https://one.example?key=", "https://one.example?key=***"),
        ("https://one.example/p?key=hush?hush", "https://one.example/p?key=***"),
        ("https://me:hush@one.example/p", "https://one.example/p"),
        ("https://one.example/a@b?c=d@e", "https://one.example/a@b?c=***"),
        ("https://one.example/p#hush", "https://one.example/p"),
    ],
)
def test_a_url_is_shown_without_what_it_may_keep_secret(url: str, shown: str) -> None:
    assert mask_url(url) == shown
