"""A figure, told in short: what agrees by its size, what does not by its difference."""

from deploy.demo.row import Row
from deploy.demo.show import Shown


def test_equal_sides_are_ok_and_many_members_are_counted() -> None:
    sites = {f"{number}": 3 for number in range(701, 718)}
    row = Row("trial", "screened at each site", sites, dict(sites))
    assert row.line() == (
        "ok     trial: screened at each site: 17 figures by the data, 17 figures found"
    )


def test_a_difference_shows_the_members_that_differ_and_no_other() -> None:
    expected = {f"{number}": 3 for number in range(701, 718)}
    row = Row("trial", "sites", expected, expected | {"702": 4})
    assert row.line() == "NOT OK trial: sites: 702 3 by the data, 702 4 found"


def test_nothing_is_said_in_words() -> None:
    row = Row("the log", "problems", [], ["root: it is another"])
    assert (row.shown(row.expected), row.shown(row.found)) == ("none", "root: it is another")
    assert Row("", "", True, False).shown(False) == "no"
    assert Row("", "", 3, None).shown(None) == "-"


def test_no_rows_are_no_success() -> None:
    assert not Shown().ok
    assert Shown([Row("a", "b", 1, 1)]).ok
    assert not Shown([Row("a", "b", 1, 1), Row("a", "c", 1, 2)]).ok


def test_the_percentile_is_the_one_that_99_of_100_keep() -> None:
    shown = Shown(latencies=[float(number) for number in range(1, 101)])
    assert shown.latency_ms() == {"median": 50.5, "p99": 99.0}
    assert Shown(latencies=[7.0]).latency_ms() == {"median": 7.0, "p99": 7.0}
    assert Shown().latency_ms() is None
