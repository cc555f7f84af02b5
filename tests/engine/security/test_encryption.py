import base64
import json
from collections.abc import Callable, Iterator

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from chalicelib import config, ids
from chalicelib.engine.security.encryption import CannotUnseal, fingerprint, has_fingerprint, seal, unseal

CONTEXT = "org#worker_1"


@pytest.fixture
def rotate() -> Iterator[Callable[..., None]]:
    """Set the deployment's sealing keys to those with these ids; the first one seals."""
    before = config.settings()

    def use(*key_ids: str) -> None:
        name = "/sealing/" + "-".join(key_ids)
        config.replace(stage="test", secrets_parameter=name)
        found = {key_id: base64.b64encode(key_id[:1].encode() * 32).decode() for key_id in key_ids}
        text = json.dumps({"jwt": {"k": "s" * 32}, "seal": found})
        boto3.client("ssm", region_name=before.region).put_parameter(Name=name, Value=text, Type="SecureString")

    with mock_aws():
        yield use
    config.restore(before)


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_what_is_sealed_comes_back_in_its_context(plain: str, context: str) -> None:
    assert unseal(seal(plain, context), context) == plain


def test_a_sealed_text_shows_its_version_and_key_and_not_the_secret() -> None:
    version, key_id, box = seal("server-api-key", CONTEXT).split(".")
    assert (version, key_id) == ("v1", config.DEVELOPMENT_KEY_ID)
    assert len(base64.urlsafe_b64decode(box)) == 12 + len("server-api-key") + 16
    assert b"server-api-key" not in base64.urlsafe_b64decode(box)


def test_sealing_twice_gives_two_texts_and_the_randomness_is_from_ids() -> None:
    assert seal("a", CONTEXT) != seal("a", CONTEXT)
    previous = ids.use(ids.SeededSource(1))
    first = seal("a", CONTEXT)
    ids.use(ids.SeededSource(1))
    assert seal("a", CONTEXT) == first
    ids.use(previous)


def test_another_context_does_not_open_it() -> None:
    with pytest.raises(CannotUnseal, match="another context"):
        unseal(seal("a", CONTEXT), "org#worker_2")


@pytest.mark.parametrize("place", range(29))
def test_one_altered_byte_does_not_open(place: int) -> None:
    head, _, text = seal("a", CONTEXT).rpartition(".")
    box = bytearray(base64.urlsafe_b64decode(text))
    box[place] ^= 1
    with pytest.raises(CannotUnseal):
        unseal(f"{head}.{base64.urlsafe_b64encode(box).decode()}", CONTEXT)


@pytest.mark.parametrize(
    "text", ["", "v1", "v1..", "v1.development.", "v1.development.AA", "v1.development.A", "plain"]
)
def test_what_is_not_a_sealed_text_does_not_open(text: str) -> None:
    with pytest.raises(CannotUnseal):
        unseal(text, CONTEXT)


def test_another_version_does_not_open() -> None:
    with pytest.raises(CannotUnseal, match="version"):
        unseal(seal("a", CONTEXT).replace("v1.", "v2.", 1), CONTEXT)


def test_the_first_key_seals_any_live_one_opens_and_a_dropped_one_does_not(rotate: Callable[..., None]) -> None:
    rotate("a.2026")
    old = seal("secret", CONTEXT)
    rotate("b.2027", "a.2026")
    new = seal("secret", CONTEXT)
    assert (old[:9], new[:9]) == ("v1.a.2026", "v1.b.2027")
    assert unseal(old, CONTEXT) == unseal(new, CONTEXT) == "secret"
    rotate("b.2027")
    with pytest.raises(CannotUnseal, match=r"'a\.2026' is no longer"):
        unseal(old, CONTEXT)


def test_a_fingerprint_recognises_its_text_and_no_other() -> None:
    assert fingerprint("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert has_fingerprint("abc", fingerprint("abc"))
    assert not has_fingerprint("abd", fingerprint("abc"))
    assert not has_fingerprint("abc", "é")
