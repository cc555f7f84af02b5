"""What the page of results says."""

from bench.measure import Section, at_least, at_most, equal_to, flat
from bench.report import page


def test_a_missed_target_is_marked_in_its_row_and_at_the_top() -> None:
    text = page(
        [Section("Speed", "How.", [at_most("slow", 3.5, 2, "ms"), at_least("fast", 0.9, 0.7, "x")])], "a machine"
    )
    assert "**1 of 2 targets MISSED**: slow: 3.5 ms, target ≤ 2 ms." in text
    assert "| slow | 3.5 ms | ≤ 2 ms | **MISSED** |" in text
    assert "| fast | 0.9x | ≥ 0.7x | met |" in text


def test_a_run_that_meets_everything_says_so_and_names_the_machine() -> None:
    text = page([Section("Calls", "How.", [equal_to("get", 2, 2, "calls"), flat("dispatch", [105, 105])])], "a machine")
    assert "All 2 targets met." in text
    assert "a machine" in text


def test_figures_are_missed_on_the_wrong_side_only() -> None:
    assert at_most("x", 2, 2).met and not at_most("x", 2.001, 2).met
    assert at_least("x", 2, 2).met and not at_least("x", 1.999, 2).met
    assert not equal_to("x", 3, 2).met
    assert not flat("x", [1, 1, 2]).met


def test_a_page_says_what_made_it() -> None:
    assert "Made by `make bench`." in page([], "a machine")
    assert "Made by `make bench-local`." in page([], "a machine", "make bench-local")
