"""Two versions of a protocol in the portal: the questions asked are those of the deciding one."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.acceptance.trials import tiny
from tests.integration.portal.house import TRIAL, House
from tests.integration.portal.neighbours import street

NEW = f"/trials/{TRIAL}/screenings/new"
BLOCK = """\
  approved_by: The committee
  approved_on: 2026-01-10
amendment:
  in_force_from: 2026-02-01
  sites: {T2: not_approved}
  summary: A scan, too.
sites:
"""
AMENDED = (
    tiny(TRIAL)
    .replace('version: "1.0"', 'version: "2.0"')
    .replace("sites:\n", BLOCK)
    .replace("    weight: {", "    scan: {type: bool}\n    weight: {")
    .replace(
        "randomization:\n",
        "    - {id: I3, category: inclusion, text: Scanned., rule: {is_true: scan}}\n"
        "randomization:\n",
    )
)


@pytest.fixture
async def house(postgres: str, tmp_path: Path) -> AsyncIterator[House]:
    async with street(postgres, tmp_path, amendment=AMENDED) as opened:
        yield opened


PEOPLE = pytest.mark.parametrize(
    ("who", "site", "version"), [("anna", "T1", "2.0"), ("bert", "T2", "1.0")]
)


@PEOPLE
async def test_questions_and_evidence_are_those_of_the_version_at_the_site(
    house: House, who: str, site: str, version: str
) -> None:
    form = {"number": "002", "form/age": "40", "form/consent_signed": "true"}
    async with house.browser(who) as browser:
        new = await browser.see(f"{NEW}?subject={site}-001")
        assert ('name="form/scan"' in new) is (version == "2.0")
        assert f"protocol {version}" in new

        kept = await browser.send(NEW, form | {"site": site, "once": str(uuid4())})
        assert kept.status_code == 303, kept.text
        here = kept.headers["location"].partition("?")[0]
        page = await browser.see(here)
        assert f"protocol {version}" in page
        assert ("Scanned." in page) is (version == "2.0")
        correcting = await browser.see(f"{here}/corrections")
        assert ('name="form/scan"' in correcting) is (version == "2.0")
