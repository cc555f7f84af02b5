import pytest

from chalicelib.domain.recognition.choice import NEEDED_FIELDS, Recogniser, choose_recogniser, require_fields
from chalicelib.errors import InvalidRequest


@pytest.mark.parametrize(("recogniser", "fields"), NEEDED_FIELDS.items())
def test_exactly_the_fields_of_a_recogniser_choose_it(recogniser: Recogniser, fields: tuple[str, ...]) -> None:
    assert choose_recogniser(set(fields)) == recogniser
    require_fields(recogniser, fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((), "Missing required field: image"),
        (("target",), "Missing required field: image"),
        (("background",), "Missing required field: slider"),
        (("slider",), "Missing required field: background"),
        (("images",), "Missing required field: category"),
        (("category",), "Missing required field: images"),
        (("image", "audio"), "type: must be named, because these fields together fit no recogniser: audio, image"),
        (("image", "target", "audio"), "type: must be named, because .*: audio, image, target"),
        (("image", "category"), "type: must be named"),
    ],
)
def test_other_fields_choose_none(fields: tuple[str, ...], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        choose_recogniser(fields)


def test_a_recogniser_that_is_named_needs_its_fields_and_minds_no_others() -> None:
    require_fields("ocr", ("image", "audio"))
    with pytest.raises(InvalidRequest, match="Missing required field: target") as refused:
        require_fields("click", ("image",))
    assert refused.value.fields == {"target": "is required"}
