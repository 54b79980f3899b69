"""Kafka's jars are those of the lock, and a damaged one is made good."""

import shutil
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from deploy.embedded.jars import cache, class_path, locked


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This checkout's jars as a Maven repository on loopback, in place of the real one."""
    class_path()
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=cache() / "jars")
    ) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        mirror = {"central": f"http://127.0.0.1:{server.server_port}"}
        monkeypatch.setattr("jgo.maven._core.DEFAULT_REMOTE_REPOS", mirror)
        yield
        server.shutdown()
        thread.join()


def test_the_lock_names_one_version_of_kafka() -> None:
    kafka = {jar.version for jar in locked() if jar.group == "org.apache.kafka"}
    assert kafka == {"4.4.0"}


@pytest.mark.usefixtures("repository")
def test_a_truncated_or_missing_jar_is_fetched_again(tmp_path: Path) -> None:
    shutil.copytree(cache() / "jars", tmp_path, dirs_exist_ok=True)
    truncated, missing = class_path(tmp_path)[:2]
    whole = truncated.read_bytes()
    truncated.write_bytes(whole[:1000])
    missing.unlink()
    assert missing in class_path(tmp_path)
    assert truncated.read_bytes() == whole


@pytest.mark.usefixtures("repository")
def test_a_jar_other_than_the_locks_is_refused(tmp_path: Path) -> None:
    shutil.copytree(cache() / "jars", tmp_path / "jars")
    jar = next(locked())
    lock = tmp_path / "lock.toml"
    lock.write_text(
        f'[[dependencies]]\ngroupId = "{jar.group}"\nartifactId = "{jar.artifact}"\n'
        f'version = "{jar.version}"\nsha256 = "{"0" * 64}"\n'
    )
    with pytest.raises(RuntimeError, match="not the jar that the lock names"):
        class_path(tmp_path / "jars", lock)
