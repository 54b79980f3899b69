"""What people do on the portal's pages, from the form to the allocation and from a death on."""

from datetime import datetime
from zoneinfo import ZoneInfo

from playwright.sync_api import expect

from tests.acceptance.browser.conftest import Enter
from tests.acceptance.browser.visitor import DESK, PHONE
from tests.acceptance.platform import Platform
from tests.acceptance.story import Story
from tests.acceptance.trials import NCT

AT = f"/trials/{NCT}"
ROME = ZoneInfo("Europe/Rome")


def test_a_coordinator_screens_on_a_phone_and_the_allocation_appears_after_the_signature(
    enter: Enter, nct: Story
) -> None:
    subject = nct.new_subject()
    coordinator = enter("site", PHONE)
    coordinator.go(f"{AT}/subjects")
    coordinator.check()
    coordinator.page.get_by_role("link", name="Screen a patient").click()
    coordinator.page.get_by_label("Site", exact=True).select_option("IT001")
    coordinator.page.get_by_label("Number, 3 to 6 digits").fill(subject.partition("-")[2])
    form = nct.form()
    coordinator.fill({"age": form.pop("age")})
    verdict = coordinator.page.locator("#verdict")
    expect(verdict).to_contain_text("open")  # it follows the typing, and nothing is decided yet
    coordinator.fill(form)
    expect(verdict.locator(".headline")).to_contain_text("eligible", ignore_case=True)
    expect(verdict.locator(".headline")).not_to_contain_text("not eligible", ignore_case=True)
    coordinator.check()
    coordinator.page.get_by_role("button", name="Keep this form").click()
    coordinator.sees("Waiting for signature")
    coordinator.check()
    coordinator.mark()

    investigator = enter("investigator", DESK)
    investigator.go(f"{AT}/to-sign")
    investigator.check()
    row = investigator.page.locator(f"#row-{subject}")
    row.get_by_role("link", name="Review and sign").click()
    investigator.check()
    investigator.page.get_by_role("button", name="Sign and randomize").click()
    investigator.sees("Randomized")
    arm = nct.drawn(subject)["arm"]
    investigator.sees(arm)

    coordinator.sees("Randomized")
    coordinator.sees(arm)
    assert coordinator.still_here
    coordinator.check()
    coordinator.go(f"{AT}/subjects/{subject}")
    coordinator.sees(arm)
    coordinator.check()


def test_a_death_reaches_the_safety_officer_and_nobody_of_another_site(
    enter: Enter, nct: Story, platform: Platform
) -> None:
    subject = nct.randomize_signed()
    officer = enter("safety_officer", PHONE)
    officer.go(f"{AT}/alerts")
    officer.check()
    officer.does_not_see(subject)
    officer.mark()

    investigator = enter("investigator", DESK)
    investigator.go(f"{AT}/adverse-events/new?subject={subject}")
    investigator.check()
    [said] = platform.run("clock", "now").rows
    now = datetime.fromisoformat(said["now"])
    aware = now.astimezone(ROME).strftime("%Y-%m-%dT%H:%M")
    investigator.fill(
        {
            "term": "Sudden cardiac death",
            "grade": 5,
            "onset_date": now.date().isoformat(),
            "site_aware_at": aware,
            "seriousness": ["death"],
            "outcome": "fatal",
        }
    )
    investigator.page.locator("main form").get_by_role("button").last.click()
    investigator.sees("SUSAR")
    investigator.check()

    officer.sees(subject)
    assert officer.still_here
    row = officer.page.locator("tr", has_text=subject).filter(has_text="critical")
    row.get_by_role("link", name="Acknowledge").first.click()
    officer.check()
    officer.page.get_by_label("Note").fill("calling the site")
    officer.page.get_by_role("button", name="Acknowledge").click()
    officer.sees("Acknowledged")
    alerts = [one for one in nct.officer.pages("notifier", "/alerts") if one["subject"] == subject]
    assert {one["acknowledged_by"] for one in alerts if one["severity"] == "critical"} == {
        "safety_officer"
    }
    officer.go("/letters")
    officer.check()

    stranger = enter("site-2", PHONE)
    for page in ("subjects", "adverse-events", "alerts"):
        assert stranger.go(f"{AT}/{page}") == 200
        stranger.does_not_see(subject)
        stranger.check()
    assert stranger.go(f"{AT}/subjects/{subject}") == 404
    stranger.does_not_see("cardiac")
