"""NCT06903312's E05 in plain Python: cancers other than the one that is treated."""

from collections.abc import Callable, Mapping
from datetime import date
from fractions import Fraction
from itertools import product
from typing import Any

from tests.unit.screening.byhand.statements import DAY, Statement, amount, less

Cancer = Mapping[str, Any]
MEMBERS = ("kind", "last_active", "curatively_treated", "psa")
CURABLE = ("cervical_in_situ", "non_melanoma_skin", "prostate_pt2", "bladder_non_muscle_invasive")


def _counts(cancer: Cancer, consent: str) -> bool:
    """Active within 3 years before consent or after it, and not one of the four that are cured."""
    last = cancer["last_active"]
    if last is not None and date.fromisoformat(last) < less(date.fromisoformat(consent), 36):
        return False
    cured = cancer["curatively_treated"]
    if cancer["kind"] == "prostate_pt2":
        return not (cured and amount("psa", cancer["psa"]) < Fraction(1, 100))
    return not (cured and cancer["kind"] != "other")


def _unknown(cancer: Cancer, member: str) -> bool:
    """A null says that a cancer is still active; any other one, that a member is unknown."""
    return member not in cancer or (cancer[member] is None and member != "last_active")


def _whole(cancer: Cancer, consents: list[str]) -> list[dict[str, Any]]:
    """The entry with each unknown member completed."""
    about = [less(date.fromisoformat(one), 36) for one in consents]
    tries: dict[str, list[Any]] = {
        "kind": ["cervical_in_situ", "prostate_pt2", "other"],
        "last_active": [(day - gone * DAY).isoformat() for day in about for gone in (0, 1)],
        "curatively_treated": [True, False],
        "psa": [{"value": value, "unit": "ng/L"} for value in (9, 10)],
    }
    choices = [tries[name] if _unknown(cancer, name) else [cancer[name]] for name in MEMBERS]
    return [dict(zip(MEMBERS, some, strict=True)) for some in product(*choices)]


def _cancer_tries(cancers: Any, consent: str | None) -> Any:
    consents = [consent] if consent is not None else ["2024-02-29", "2031-01-01"]
    if consent is None:
        days_known = [c["last_active"] for c in cancers or () if c.get("last_active")]
        consents += [
            (date.fromisoformat(one) + gone * DAY).isoformat()
            for one in days_known
            for gone in (0, 3000)
        ]
    if cancers is None:
        return [[[], *([one] for one in _whole({}, consents))], consents]
    return [[list(some) for some in product(*(_whole(one, consents) for one in cancers))], consents]


def _open(value: Any) -> bool:
    return value is None or (
        isinstance(value, list) and any(_unknown(one, name) for one in value for name in MEMBERS)
    )


def _alone(test: Callable[[Cancer, date], bool]) -> Callable[..., bool]:
    """The one entry of a list."""
    return lambda cancers, consent: (
        len(cancers) == 1 and test(cancers[0], date.fromisoformat(consent))
    )


def _last(gone: int | None, since: int = 36) -> Callable[..., bool]:
    """Last active so many days beside three years (or 0 months) before consent, or None: still."""

    def test(cancer: Cancer, consent: date) -> bool:
        if gone is None:
            return "last_active" in cancer and cancer["last_active"] is None
        return bool(cancer.get("last_active") == (less(consent, since) - gone * DAY).isoformat())

    return _alone(test)


def _cured(kind: str, cured: bool) -> Callable[..., bool]:
    return _alone(lambda one, _: one.get("kind") == kind and one.get("curatively_treated") is cured)


def _psa(test: Callable[[Fraction], bool]) -> Callable[..., bool]:
    return _alone(
        lambda one, _: (
            one.get("kind") == "prostate_pt2"
            and one.get("psa") is not None
            and test(amount("psa", one["psa"]))
        )
    )


OTHER_CANCERS = Statement(
    ("other_cancers", "informed_consent_date"),
    lambda cancers, consent: any(_counts(one, consent) for one in cancers),
    _cancer_tries,
    {
        "no other cancer": lambda cancers, _: cancers == [],
        "active on the first of the days that count": _last(0),
        "active on the day before": _last(1),
        "active after consent": _last(-1, since=0),
        "still active": _last(None),
        "another kind cured": _cured("other", True),
        "PSA 0.01": _psa(lambda psa: psa == Fraction(1, 100)),
        "PSA just below 0.01": _psa(lambda psa: Fraction("0.0098") <= psa < Fraction(1, 100)),
    }
    | {f"{kind} cured": _cured(kind, True) for kind in CURABLE}
    | {f"{kind} not cured": _cured(kind, False) for kind in CURABLE},
    _open,
    of_list=True,
)
