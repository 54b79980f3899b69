"""Every role's pages: whole without a script, right for a screen reader, light and dark."""

import pytest

from tests.acceptance.browser.conftest import Enter
from tests.acceptance.browser.visitor import DESK, PHONE
from tests.acceptance.story import Story

ROLES = ("site", "investigator", "safety_officer", "trial_manager", "statistician", "auditor")
WINDOWS = ((PHONE, False), (DESK, True))
BESIDE = {
    "site": ("screening-log",),
    "trial_manager": ("screening-log?site=IT001", "contacts", "contacts/-"),
}
"""Pages of a role that its navigation does not list."""


@pytest.mark.parametrize("role", ROLES)
def test_axe_finds_nothing_on_any_page_of_the_role(enter: Enter, nct: Story, role: str) -> None:
    nct.randomize_signed()
    for size, dark in WINDOWS:
        visitor = enter(role, size, dark=dark)
        nav = visitor.page.get_by_role("navigation", name="Pages").get_by_role("link")
        addresses = [link.get_attribute("href") for link in nav.all()]
        assert addresses
        beside = [f"/trials/{nct.trial}/{page}" for page in BESIDE.get(role, ())]
        for address in [*addresses, *beside]:
            assert visitor.go(str(address)) == 200
            visitor.check()


def test_an_auditor_checks_an_entry_in_the_browser(enter: Enter, nct: Story) -> None:
    nct.randomize_signed()
    auditor = enter("auditor", DESK)
    auditor.page.locator("main").get_by_role("table").get_by_role("link").first.click()
    auditor.sees("Proof")
    auditor.sees("Checked in this browser: the entry is in the signed log.")
    auditor.check()
