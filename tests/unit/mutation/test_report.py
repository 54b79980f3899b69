"""What `make mutation` tells, and what it counts as killed."""

from tests.mutation.report import report, share

STATUSES = {
    "services.screening.rules.x_all_of__mutmut_1": "killed",
    "services.screening.rules.x_all_of__mutmut_2": "survived",
    "services.screening.rules.x_all_of__mutmut_3": "timeout",
    "services.screening.units.x_measure__mutmut_1": "no tests",
}


def test_the_living_are_named_and_each_module_has_its_share() -> None:
    assert report(STATUSES).splitlines() == [
        "survived: services.screening.rules.x_all_of__mutmut_2",
        "no tests: services.screening.units.x_measure__mutmut_1",
        "What one of them changes: python -m mutmut show NAME",
        "services.screening.rules: 2 of 3 mutants killed, 66.6 %",
        "services.screening.units: 0 of 1 mutants killed, 0.0 %",
        "all: 2 of 4 mutants killed, 50.0 %; 1 of them never end",
    ]


def test_only_what_a_test_has_ended_is_killed() -> None:
    assert (
        share(["killed", "timeout", "survived", "no tests", "suspicious", "not checked"]) == 2 / 6
    )
    assert share([]) == 0
