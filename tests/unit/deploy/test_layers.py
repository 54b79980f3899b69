"""The arrows of the house are kept, and each contract that keeps them has been seen to fail."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from deploy.embedded.jars import CHECKOUT

BREACHES = {
    "floors": ("shared/contracts/subjects.py", "import services.audit.merkle"),
    "houses": ("services/audit/merkle.py", "import services.randomizer.seed"),
    "plan": ("services/audit/store.py", "import services.audit.handlers"),
    "pure": ("services/randomizer/seed.py", "import random"),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code alone, to plant faults in."""
    folder = tmp_path_factory.mktemp("house")
    for package in ("bench", "services", "shared", "deploy"):
        only_code = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / package, folder / package, ignore=only_code)
    shutil.copy(CHECKOUT / "pyproject.toml", folder)
    return folder


def _lint(folder: Path, contract: str) -> subprocess.CompletedProcess[str]:
    command = (Path(sys.executable).with_name("lint-imports"), "--no-cache", "--contract", contract)
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_every_contract_has_its_breach() -> None:
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    assert {contract["id"] for contract in contracts} == BREACHES.keys()


@pytest.mark.parametrize("contract", BREACHES)
def test_a_planted_breach_is_caught(copy: Path, contract: str) -> None:
    before = _lint(copy, contract)
    assert before.returncode == 0, before.stdout
    name, line = BREACHES[contract]
    whole = (copy / name).read_text()
    try:
        (copy / name).write_text(f"{whole}\n{line}\n")
        after = _lint(copy, contract)
    finally:
        (copy / name).write_text(whole)
    assert after.returncode == 1
    assert "BROKEN" in after.stdout
    assert line.removeprefix("import ") in after.stdout
