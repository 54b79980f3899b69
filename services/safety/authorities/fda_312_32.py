"""The United States: 21 CFR 312.32, under which causality is the sponsor's to judge."""

from services.safety.authorities.authority import Authority, Judgement, Related, unjudged


def sponsor_first(investigator: Judgement | None, sponsor: Judgement | None) -> Related:
    """The sponsor's judgement; the investigator's while there is none."""
    if sponsor is not None:
        return Related(sponsor == "related", f"the sponsor says {_said(sponsor)}")
    if investigator is not None:
        why = f"the sponsor has not judged, the investigator says {_said(investigator)}"
        return Related(investigator == "related", why)
    return unjudged()


def _said(judgement: Judgement) -> str:
    return judgement.replace("_", " ")


AUTHORITY = Authority(name="FDA-312.32", related=sponsor_first, follows_up=False)
