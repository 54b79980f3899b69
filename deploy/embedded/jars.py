"""Kafka's jars, exactly as `jgo.lock.toml` names them, in a cache inside the checkout.

jgo itself never installs from its lock, nor compares the sums in it, so this module does both. It
needs the network only for jars that are missing or damaged.
"""

import hashlib
import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
LOCK = CHECKOUT / "jgo.lock.toml"


def cache() -> Path:
    """The folder of downloads: `TRIALOPS_CACHE`, else `.cache` of the checkout."""
    return Path(os.environ.get("TRIALOPS_CACHE", CHECKOUT / ".cache")).resolve()


@dataclass(frozen=True)
class Jar:
    """One line of the lock: Maven coordinates and the SHA-256 of the file."""

    group: str
    artifact: str
    version: str
    sha256: str
    classifier: str = ""

    def path(self, folder: Path) -> Path:
        """Where Maven's layout keeps the jar below `folder`."""
        suffix = f"-{self.classifier}" if self.classifier else ""
        place = folder.joinpath(*self.group.split("."), self.artifact, self.version)
        return place / f"{self.artifact}-{self.version}{suffix}.jar"

    def is_intact(self, folder: Path) -> bool:
        """True if the jar is there and its sum is the lock's."""
        path = self.path(folder)
        return path.is_file() and _sha256(path) == self.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def locked(lock: Path = LOCK) -> Iterator[Jar]:
    """The jars of the lock, in its order."""
    for entry in tomllib.loads(lock.read_text())["dependencies"]:
        yield Jar(
            entry["groupId"],
            entry["artifactId"],
            entry["version"],
            entry["sha256"],
            entry.get("classifier", ""),
        )


def class_path(folder: Path | None = None, lock: Path = LOCK) -> tuple[Path, ...]:
    """The sorted paths of every locked jar, each fetched if need be and compared with its sum."""
    folder = folder or cache() / "jars"
    jars = tuple(locked(lock))
    broken = [jar for jar in jars if not jar.is_intact(folder)]
    if broken:
        _fetch(broken, folder)
    return tuple(sorted(jar.path(folder) for jar in jars))


def _fetch(jars: list[Jar], folder: Path) -> None:
    from jgo.maven import MavenContext  # slow to import, needed once

    maven = MavenContext(repo_cache=folder, timeout=60)
    for jar in jars:
        # A damaged file is not fetched again while it lies there.
        jar.path(folder).unlink(missing_ok=True)
        component = maven.project(jar.group, jar.artifact).at_version(jar.version)
        component.artifact(jar.classifier, "jar").resolve()
        if not jar.is_intact(folder):
            jar.path(folder).unlink(missing_ok=True)
            raise RuntimeError(f"{jar.artifact} {jar.version} is not the jar that the lock names")


if __name__ == "__main__":
    class_path()
