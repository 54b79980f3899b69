"""CDISCPILOT01's criteria in plain Python, from the protocol's words and apart from the engine."""

from tests.unit.screening.byhand.completing import TODAY, Criterion, says
from tests.unit.screening.byhand.statements import (
    Statement,
    days,
    flag,
    measured,
    whole,
    window,
    word,
)


def attested(criterion: str) -> Statement:
    """The investigator attests that the criterion itself is met."""
    return Statement(
        ("attested",),
        lambda said: said[criterion] == "met",
        lambda said: [[{**(said or {}), criterion: word} for word in ("met", "not_met")]],
        {
            f"attested {word}": lambda said, word=word: said.get(criterion) == word
            for word in ("met", "not_met")
        },
        lambda said: said is None or criterion not in said,
    )


NAMES = [f"INCL{n:02}" for n in range(1, 9)] + [f"EXCL{n:02}" for n in range(9, 32)]

_RULED = {
    "INCL01": Criterion(
        lambda adult, male, past_menopause: adult and (male or past_menopause),
        (
            whole("age", lambda age: age >= 50, 49, 50),
            word("sex", "male", among=("female", "male")),
            flag("postmenopausal"),
        ),
    ),
    "INCL02": says(flag("probable_ad")),
    "INCL03": says(whole("mmse_total", lambda score: 10 <= score <= 23, 9, 10, 23, 24)),
    "INCL04": says(whole("hachinski_total", lambda score: score <= 4, 4, 5)),
    "INCL06": says(flag("consent_signed"), window("informed_consent_date", TODAY, None, days(0))),
    "EXCL17": Criterion(
        lambda slow, fast, other: slow or fast or other,
        (
            measured("resting_pulse", lambda beats: beats < 50, "50"),
            measured("resting_pulse", lambda beats: beats > 100, "100"),
            attested("EXCL17"),
        ),
    ),
}

CRITERIA = {name: _RULED.get(name) or says(attested(name)) for name in NAMES}
