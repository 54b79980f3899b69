"""A Chromium for the browser tests: the machine's, or one installed now; never none in silence."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SECONDS_TO_INSTALL = 300
_HOW = "install Chromium (on Debian: apt-get install chromium) or name one in TRIALOPS_CHROMIUM"

# A browser that speaks to the pages under test and to nobody else.
_QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


class NoChromium(RuntimeError):
    """There is no Chromium, and none could be installed."""


@cache
def executable() -> Path:
    """The one that TRIALOPS_CHROMIUM names, else the machine's, else Debian's, installed now."""
    named = os.environ.get("TRIALOPS_CHROMIUM")
    if named:
        if not Path(named).is_file():
            raise NoChromium(f"TRIALOPS_CHROMIUM names no file: {named}")
        return Path(named)
    found = _on_path() or (_install_once() and _on_path())
    if not found:
        raise NoChromium(_HOW)
    return Path(found)


def _on_path() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def _install_once() -> bool:
    """As `_install`, one process of the run after the other: apt does not wait for apt."""
    checkout = Path(__file__).resolve().parents[3]
    with (checkout / ".cache" / "chromium.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        return _on_path() is not None or _install()


def _install() -> bool:
    """Whether Debian's package could be installed: only root may, and only where there is apt."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return False
    quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for line in ("update -q", "install -q -y --no-install-recommends chromium"):
        done = subprocess.run(
            [apt, *line.split()],
            env=quietly,
            capture_output=True,
            text=True,
            timeout=_SECONDS_TO_INSTALL,
            check=False,
        )
        if done.returncode != 0:
            raise NoChromium(f"{_HOW}: apt-get {line}: {done.stderr.strip()[-300:]}")
    return True


@contextmanager
def running() -> Iterator[Browser]:
    """A browser of its own, closed at the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable(),
            args=list(_QUIET),
            chromium_sandbox=os.geteuid() != 0,  # Chromium has no sandbox for root
        )
        try:
            yield browser
        finally:
            browser.close()
