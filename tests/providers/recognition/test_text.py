"""Reading text: a sample of bench/recognition.py's measurements, and positions and confidences of lines."""

from statistics import mean

import pytest

from tests.support.recognition.extras import require

require("numpy", "PIL", "rapidocr", "onnxruntime", "cv2")

import numpy as np  # noqa: E402

from chalicelib.errors import TooLarge  # noqa: E402
from chalicelib.providers.recognition import pieces_of_text  # noqa: E402
from chalicelib.providers.recognition.recognizer import Text  # noqa: E402
from chalicelib.providers.recognition.text import TextReader, _line, confidence  # noqa: E402
from tests.support.recognition.text_images import TextImage, page, prose, text_images  # noqa: E402

READER = TextReader()


@pytest.fixture(scope="module")
def read() -> list[tuple[TextImage, Text]]:
    """Five texts under eight conditions, with the recognised texts."""
    return [(image, READER.read(image.pixels)) for image in text_images(5)]


def test_nearly_all_texts_are_read_exactly(read: list[tuple[TextImage, Text]]) -> None:
    wrong = [(image.condition, image.text, text.text) for image, text in read if text.text != image.text]
    assert len(wrong) <= 5, wrong  # 2 of 40 with the fonts of this machine


def test_the_confidence_is_the_share_that_is_right(read: list[tuple[TextImage, Text]]) -> None:
    right = mean(text.text == image.text for image, text in read)
    assert mean(text.confidence for _, text in read) == pytest.approx(right, abs=0.15)


def test_the_answer_names_its_engine(read: list[tuple[TextImage, Text]]) -> None:
    assert {text.solver for _, text in read} == {"rapidocr"}


def test_lines_are_in_their_order_and_have_their_places() -> None:
    lines = ("First line", "Second line", "Third line")
    text = READER.read(page(lines))
    assert text.text.split("\n") == list(lines)
    assert [line.y for line in text.lines] == pytest.approx([20, 72, 124], abs=12)
    assert [line.x for line in text.lines] == pytest.approx([40, 40, 40], abs=8)
    assert all(20 < line.height < 60 for line in text.lines)


@pytest.mark.parametrize(("size", "width"), [(16, 900), (24, 900)])
def test_long_lines_are_read_upright(size: int, width: int) -> None:
    image, lines = prose(5, size, width)
    assert READER.read(image).text.split("\n") == lines


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_text_is_read_in_any_direction(turns: int) -> None:
    text = READER.read(np.ascontiguousarray(np.rot90(page(("Worker status: online",), 400), turns)))
    assert text.text == "Worker status: online"


def test_a_page_that_is_upside_down_is_read_from_its_first_line() -> None:
    lines = ("Please send the first report", "The second report is late", "A third report is missing")
    image = page(lines)
    text = READER.read(np.ascontiguousarray(np.rot90(image, 2)))
    assert text.text.split("\n") == list(lines)
    assert [line.y for line in text.lines] == sorted((line.y for line in text.lines), reverse=True)
    assert text.lines[0].x + text.lines[0].width == pytest.approx(image.shape[1] - 40, abs=12)


def test_more_text_than_is_read_at_once_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces_of_text, "MAX_WIDTH", 1_000)
    monkeypatch.setattr(pieces_of_text._Reader, "read", None)
    with pytest.raises(TooLarge, match=r"too much text .* 5 pieces, [\d.]+ times"):
        READER.read(prose(5)[0])


def test_badly_legible_pieces_are_read_again_within_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces_of_text, "MAX_WIDTH_AGAIN", 0)
    upside_down = np.ascontiguousarray(np.rot90(page(("Worker status: online",), 400), 2))
    assert READER.read(upside_down).text != "Worker status: online"


def test_columns_are_one_line() -> None:
    left, right = page(("Total",), 300), page(("1,284.50",), 300)
    text = READER.read(np.hstack([left, np.full_like(left, 255), right]))
    assert text.text == "Total 1,284.50"
    assert text.lines[0].x == pytest.approx(40, abs=8)
    assert text.lines[0].width > 600


def test_a_large_image_is_read_in_small_and_its_places_are_of_the_image() -> None:
    import cv2

    large = cv2.resize(page(("Worker status: online",)), None, fx=4, fy=4)
    text = READER.read(large)
    assert text.text == "Worker status: online"
    assert text.lines[0].x == pytest.approx(160, abs=40)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 16_384), (16_384, 1), (60, 4_000), (480, 640)])
def test_an_image_without_text_has_none(size: tuple[int, int]) -> None:
    assert READER.read(np.full((*size, 3), 255, np.uint8)) == Text("", 0.0, (), "rapidocr")


def test_lines_of_a_narrow_image_are_within_it() -> None:
    corners = np.float32([[-1, 2], [90, 2], [90, 30], [-1, 30]])  # in the image with white above and below
    piece = pieces_of_text.Piece("abc", 0.9, corners, is_upside_down=False)
    line = _line(piece, 0, 6, np.zeros((20, 80, 3), np.uint8))
    assert (line.x, line.y, line.width, line.height) == (0, 0, 80, 20)


def test_noise_has_no_text() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (300, 400, 3), np.uint8)
    assert READER.read(noise).text == ""


def test_a_long_text_is_less_sure_than_a_short_one() -> None:
    assert confidence("a" * 20, 0.99) < confidence("a", 0.99) == 0.99
    assert confidence("", 0.5) == 0.5
    assert confidence("abc", 1.0) == 1.0
