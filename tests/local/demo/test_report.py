import io

from infra.local.demo.report import Bar, percentile, table


def test_the_bar_without_a_terminal_is_a_line_for_each_tenth() -> None:
    out = io.StringIO()
    bar = Bar(200, out)
    for done in (0, 5, 19, 20, 21, 100, 200):
        bar.show(done)
    lines = out.getvalue().splitlines()
    assert [line.rpartition("] ")[2] for line in lines] == ["0/200", "20/200", "100/200", "200/200"]
    assert lines[2] == f"[{'#' * 20}{'.' * 20}] 100/200"


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.95), percentile(values, 1)) == (50, 95, 100)
    assert (percentile([7], 0.5), percentile([], 0.5)) == (7, 0)


def test_a_table_lines_up() -> None:
    assert table([("server", "done"), ("a", 7)]) == "server  done\na          7"
