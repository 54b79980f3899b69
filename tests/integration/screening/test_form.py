"""A screening with its form, where somebody of its site asks for it."""

from tests.integration.screening.made import GOOD, Screening


async def test_the_form_is_shown_as_it_was_written_and_corrected(service: Screening) -> None:
    one = await service.submit("T1-001", pregnant=None)
    path = f"screenings/{one['id']}"
    assert (await service.ask("GET", path)).json() == one  # without it: as the submission was
    shown = (await service.ask("GET", f"{path}?form=true")).json()
    assert shown == one | {"form": {**GOOD, "pregnant": None}}
    assert (await service.correct(one, pregnant=False)).status_code == 200
    assert (await service.ask("GET", f"{path}?form=true")).json()["form"] == GOOD
    assert (await service.ask("GET", f"{path}?form=perhaps")).status_code == 422


async def test_the_form_is_for_the_own_sites_alone(service: Screening) -> None:
    one = await service.submit("T1-001")
    path = f"screenings/{one['id']}?form=true"
    assert (await service.ask("GET", path, sites=["T2"])).status_code == 404
    for role in ("trial_manager", "statistician", "auditor", "safety_officer"):
        assert (await service.ask("GET", path, role=role)).status_code == 403
