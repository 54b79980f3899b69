"""Make `.venv` and what it needs; run by make with any Python from 3.11 on, using nothing else.

`bootstrap.py PROFILE` installs `requirements/PROFILE.txt`, each file compared with its hash, the
project itself, and Kafka's jars. What has been done is remembered by the sum of what it was done
from, so that doing it again takes no time and no network.
"""

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
VENV = CHECKOUT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = VENV / "trialops"

# Each holds all of the one before it.
PROFILES = ("runtime", "embedded", "demo", "dev")


def main(profile: str) -> None:
    """Bring `.venv` to the profile's lock; ends with one line on standard error if it cannot."""
    if not sys.platform.startswith("linux"):
        sys.exit("trialops: the embedded servers run on Linux only")
    if _environment_is_broken():
        _say("making .venv")
        venv.create(VENV, with_pip=True, clear=VENV.exists(), symlinks=True)
    _stamp("place").write_text(_place())
    if not any(_is_done(wider) for wider in PROFILES[PROFILES.index(profile) :]):
        _install(profile)
    jars = _sum(CHECKOUT / "jgo.lock.toml")
    if profile != "runtime" and not _is("jars", jars):
        _say("fetching Apache Kafka")
        _run(PYTHON, "-m", "deploy.embedded.jars")
        _stamp("jars").write_text(jars)


def _install(profile: str) -> None:
    _say(f"installing what `{profile}` needs (requirements/{profile}.txt)")
    _pip("--require-hashes", "-r", "requirements/build.txt", "-r", f"requirements/{profile}.txt")
    _pip("--no-deps", "--no-build-isolation", "--no-index", "--editable", ".")
    _stamp(profile).write_text(_lock_sum(profile))


def _environment_is_broken() -> bool:
    """True if there is no usable `.venv`, or one that was made for a checkout in another place."""
    if not PYTHON.exists() or (_stamp("place").exists() and not _is("place", _place())):
        return True
    return subprocess.run([PYTHON, "-c", "import pip"], check=False).returncode != 0


def _place() -> str:
    return f"{CHECKOUT}\n"


def _is_done(profile: str) -> bool:
    return _is(profile, _lock_sum(profile))


def _lock_sum(profile: str) -> str:
    names = ("requirements/build.txt", f"requirements/{profile}.txt", "pyproject.toml")
    return _sum(*(CHECKOUT / name for name in names))


def _sum(*paths: Path) -> str:
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()


def _stamp(name: str) -> Path:
    STAMPS.mkdir(exist_ok=True)
    return STAMPS / name


def _is(name: str, text: str) -> bool:
    return _stamp(name).exists() and _stamp(name).read_text() == text


def _pip(*arguments: str) -> None:
    quiet = ("--quiet", "--disable-pip-version-check", "--no-cache-dir", "--only-binary=:all:")
    _run(PYTHON, "-m", "pip", "install", *quiet, *arguments)


def _run(*command: Path | str) -> None:
    # setuptools warns at length that an editable project is one.
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    code = subprocess.run(command, cwd=CHECKOUT, env=environment, check=False).returncode
    if code != 0:
        sys.exit(f"trialops: set-up failed at: {' '.join(map(str, command[1:]))}")


def _say(text: str) -> None:
    print(f"trialops: {text}", file=sys.stderr)  # noqa: T201 the terminal is where set-up speaks


if __name__ == "__main__":
    main(sys.argv[1])
