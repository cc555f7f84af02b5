"""Finding a piece: a sample of bench/recognition.py's measurements, and unusual inputs."""

from statistics import mean

import pytest

from tests.support.recognition.extras import require

require("numpy", "PIL", "cv2")

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from chalicelib.providers.recognition import offsets  # noqa: E402
from chalicelib.providers.recognition.recognizer import Offset, UnreadableInput  # noqa: E402
from tests.support.recognition.pieces import Puzzle, absent_pieces, flat_pieces, puzzles, texture  # noqa: E402


def find_offset(puzzle: Puzzle) -> Offset:
    return offsets.find(puzzle.background, puzzle.piece)


def is_right(puzzle: Puzzle, offset: Offset) -> bool:
    return abs(offset.x - puzzle.x) <= 2 and abs(offset.y - puzzle.y) <= 2


def test_pieces_are_found_within_two_pixels_and_surely() -> None:
    tried = [(puzzle, find_offset(puzzle)) for puzzle in puzzles(10)]
    assert mean(is_right(*each) for each in tried) >= 0.95
    assert mean(offset.confidence >= 0.5 for _, offset in tried) >= 0.9


def test_a_piece_of_another_picture_is_not_sure() -> None:
    assert mean(find_offset(puzzle).confidence < 0.5 for puzzle in absent_pieces(30)) >= 0.93


def test_flat_pieces_and_backgrounds_are_not_sure() -> None:
    assert mean(find_offset(puzzle).confidence < 0.5 for puzzle in flat_pieces(20)) >= 0.95


def test_the_offset_is_of_the_pieces_image_not_of_its_opaque_part() -> None:
    puzzle = next(puzzles(1))
    tall = np.zeros((puzzle.background.shape[0], 70, 4), np.uint8)
    tall[puzzle.y : puzzle.y + 56, 7:63] = puzzle.piece
    offset = offsets.find(puzzle.background, tall)
    assert (offset.x, offset.y) == (puzzle.x - 7, 0)


def test_a_piece_without_transparency_is_found() -> None:
    picture = texture(1)
    offset = offsets.find(picture, picture[50:90, 120:170])
    assert (offset.x, offset.y) == (120, 50)
    assert offset.confidence > 0.9
    assert offset.solver == "opencv"


@pytest.mark.parametrize("factor", [3, 6])
def test_a_large_background_is_searched_to_the_pixel(factor: int) -> None:
    puzzle = next(puzzles(1))
    large = [cv2.resize(each, None, fx=factor, fy=factor) for each in (puzzle.background, puzzle.piece)]
    offset = offsets.find(*large)
    assert (offset.x, offset.y) == pytest.approx((puzzle.x * factor, puzzle.y * factor), abs=2)


def test_a_small_piece_of_a_large_background_is_found() -> None:
    large = cv2.resize(texture(2), (3_000, 2_000)) // 2 + cv2.resize(texture(3), (3_000, 2_000), 0) // 2
    offset = offsets.find(large, np.ascontiguousarray(large[1_900:1_960, 2_900:2_960]))
    assert (offset.x, offset.y) == pytest.approx((2_900, 1_900), abs=2)


@pytest.mark.parametrize("corner", [(0, 0), (0, 304), (144, 0), (144, 304)])
@pytest.mark.parametrize("factor", [1, 5])
def test_a_piece_in_a_corner_is_found(corner: tuple[int, int], factor: int) -> None:
    picture = cv2.resize(texture(4), None, fx=factor, fy=factor)
    y, x = (each * factor for each in corner)
    offset = offsets.find(picture, picture[y : y + 56 * factor, x : x + 56 * factor])
    assert (offset.x, offset.y) == pytest.approx((x, y), abs=2)


def test_a_piece_as_large_as_its_background_has_one_place() -> None:
    picture = texture(5)
    assert offsets.find(picture, picture) == Offset(0, 0, 1.0, "opencv")
    assert offsets.find(texture(6), picture).confidence < 0.5


@pytest.mark.parametrize("size", [(201, 50), (50, 361)])
def test_a_piece_larger_than_its_background_is_refused(size: tuple[int, int]) -> None:
    piece = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    with pytest.raises(UnreadableInput, match="larger than the background"):
        offsets.find(texture(1), piece)


def test_a_transparent_piece_is_refused() -> None:
    with pytest.raises(UnreadableInput, match="transparent everywhere"):
        offsets.find(texture(1), np.zeros((20, 20, 4), np.uint8))


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (2, 2)])
def test_a_tiny_piece_is_answered(size: tuple[int, int]) -> None:
    piece = np.random.default_rng(1).integers(0, 256, (*size, 4), np.uint8) | np.uint8(255)
    assert offsets.find(texture(1), piece).confidence < 0.5


def test_confidence_grows_with_the_lead_and_the_correlation() -> None:
    assert offsets.confidence(0.9, 0.02) < offsets.confidence(0.9, 0.1) < offsets.confidence(0.95, 0.1)
    assert offsets.confidence(1.0, 0.5) == 1.0
    assert offsets.confidence(-1.0, 0.0) == offsets.confidence(0.5, 0.0) == 0.0
