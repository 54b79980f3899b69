"""Protocols for tests: the real ones, and a tiny trial for each test that turns a whole trial."""

import shutil
from pathlib import Path

PROTOCOLS = Path(__file__).parents[2] / "protocols"
NCT = "NCT06903312"

ARMS = ("ARM_MAPLE", "ARM_LARCH")
"""Words that stand nowhere else, so that a test can look for them."""

MASKED_ARMS = ("Quollplacebo", "Dunnartactivehigh")
"""Those of the masked trials: of different lengths, and with titles that stand nowhere else."""

MASKED_TITLES = ("Bandicoot", "Potoroo 54 mg")

_TINY = """\
study:
  id: {trial}
  version: "1.0"
  title: A tiny trial for a test
  phase: I
  model: randomized
  masking: none
  sponsor: nobody
  requires_signature: {signed}
  severity_scale: ctcae
sites:
  - {{id: T1, time_zone: Europe/Rome}}
  - {{id: T2, time_zone: America/New_York}}
arms:
  - {{id: {arms[0]}, title: One}}
  - {{id: {arms[1]}, title: Other}}
strata:
  - id: young
    title: Up to 50
    when: {{number: {{field: age, at_most: 50}}}}
    ratio: {{{arms[0]}: 1, {arms[1]}: 1}}
  - id: old
    title: Over 50
    when: {{number: {{field: age, above: 50}}}}
    ratio: {{{arms[0]}: 1, {arms[1]}: 1}}
eligibility:
  fields:
    age: {{type: int}}
    consent_signed: {{type: bool}}
    weight: {{type: quantity, unit: kg}}
  criteria:
    - {{id: I1, category: inclusion, text: Adult., rule: {{number: {{field: age, at_least: 18}}}}}}
    - {{id: I2, category: inclusion, text: Consents., rule: {{is_true: consent_signed}}}}
randomization:
  design: {design}
safety:
  authorities: [EU-CTR]
  components:
    by_arm: {{{arms[0]}: [surgery], {arms[1]}: []}}
  reference_safety_information: []
"""

_PERMUTED = "permuted_block\n  block_sizes: [2, 4]"
_TARGET_6 = f"{_PERMUTED}\n  target: 6\n  milestones: [50]"
_LISTED = "listed"
_MINIMISED = """minimisation
  metric: range
  p: 0.8
  factors: [{name: site}, {name: stratum}, {name: age, weight: 0.5}]"""

_DESIGNS = {
    "TWAY": _PERMUTED,  # shared by tests that need nothing but a subject of their own
    "TBAD": _PERMUTED,
    "TBATCH": _PERMUTED,
    "TPAUSE": _PERMUTED,
    "TBOUND": _PERMUTED,
    "TMINI": _MINIMISED,
    "TCLOSE": _PERMUTED,
    "TSITE": _PERMUTED,
    "TTARGET": _TARGET_6,
    "TARMS": _PERMUTED,
    "TSEED": _PERMUTED,
    "TREPLAY": _PERMUTED,
    "TFORGED": _PERMUTED,
    "TDEAD": _PERMUTED,
    "TSAFE": _PERMUTED,
    "TLIST": _LISTED,
    "TEMPTY": _LISTED,  # never gets its list
    "TPLACE": _LISTED,
    "TBADLIST": _LISTED,
    "TLISTSEED": _LISTED,
}
_SIGNED = ("TPLACE",)
_CARRIES_AGE = ("TMINI",)


def tiny(trial: str) -> str:
    """The protocol of a tiny trial that draws in blocks."""
    return _TINY.format(trial=trial, design=_PERMUTED, signed="false", arms=ARMS)


def write_protocols(folder: Path) -> Path:
    """The folder with the protocols of the repository and all tiny trials."""
    shutil.copytree(PROTOCOLS, folder)
    for trial, design in _DESIGNS.items():
        signed = "true" if trial in _SIGNED else "false"
        text = _TINY.format(trial=trial, design=design, signed=signed, arms=ARMS)
        if trial in _CARRIES_AGE:
            text = text.replace("eligibility:\n", "eligibility:\n  carry: [age]\n")
        (folder / f"{trial}.yaml").write_text(text)
    return folder


def write_masked(folder: Path) -> Path:
    """Double-blind trials, one of them of a prepared list, and an open one."""
    folder.mkdir()
    designs = {"TMASK": _PERMUTED, "TBACK": _PERMUTED, "TMASKLIST": _LISTED, "TWAY": _PERMUTED}
    for trial, design in designs.items():
        masked = trial != "TWAY"
        arms = MASKED_ARMS if masked else ARMS
        text = _TINY.format(trial=trial, design=design, signed="false", arms=arms)
        if masked:
            text = text.replace("masking: none", "masking: double")
            text = text.replace("title: One", f"title: {MASKED_TITLES[0]}")
            text = text.replace("title: Other", f"title: {MASKED_TITLES[1]}")
        (folder / f"{trial}.yaml").write_text(text)
    return folder
