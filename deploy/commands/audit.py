"""`trialops audit verify` and `audit export`: the inspector's commands, over HTTP or a file."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from deploy.commands import Subparsers
from deploy.wrong_use import WrongUse

if TYPE_CHECKING:
    from services.audit.verify import Progress

_LARGE_LOG = 10_000  # entries, from which on a person at a terminal sees progress
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def add(subparsers: Subparsers) -> None:
    """Registers the command and its two verbs."""
    parser = subparsers.add_parser("audit", help="check the whole audit log, or take it along")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    verify = verbs.add_parser("verify", help="check the log from its raw entries")
    verify.add_argument("--url", help="audit's root address (otherwise: the embedded run's)")
    verify.add_argument(
        "--bundle", metavar="FILE", help="check an exported file, no service needed"
    )
    verify.add_argument("--token", help="an auditor's token (otherwise: the embedded run's own)")
    verify.add_argument("--key", metavar="LINE", help="the verifier key that the log must have")
    verify.add_argument("--checkpoint", metavar="FILE", help="an older checkpoint of this log")
    verify.set_defaults(run=run, verb=_verify)
    export = verbs.add_parser("export", help="write the log with its proof to one file")
    export.add_argument("file", metavar="FILE", type=Path)
    export.add_argument("--url", help="audit's root address (otherwise: the embedded run's)")
    export.add_argument("--token", help="an auditor's token (otherwise: the embedded run's own)")
    export.set_defaults(run=run, verb=_export)


def run(args: argparse.Namespace) -> int:
    """Exit 0 done and good, 1 the log does not verify or cannot be read whole; WrongUse."""
    from services.audit import verify

    try:
        code: int = args.verb(args)
    except verify.WrongUse as error:
        raise WrongUse(str(error)) from None
    return code


def _verify(args: argparse.Namespace) -> int:
    from services.audit import verify

    url, token = args.url, args.token
    if args.bundle is None:
        url, token = _server(args)
    with _progress("checking") as progress:
        answer = verify.check(url, args.bundle, token, args.key, args.checkpoint, progress)
    print(json.dumps(answer))
    return 0 if answer["ok"] else 1


def _export(args: argparse.Namespace) -> int:
    from services.audit import bundle, verify

    source = verify.Server(*_server(args))
    try:
        with _progress("exporting") as progress:
            answer = bundle.export(source, args.file, progress)
    except verify.Fault as fault:
        print(f"trialops audit export: {fault}", file=sys.stderr)
        return 1
    except OSError as error:
        raise WrongUse(f"cannot write {args.file}: {error.strerror}") from None
    print(json.dumps(answer))
    return 0


def _server(args: argparse.Namespace) -> tuple[str, str | None]:
    """Audit's address and a token for it: those given, else the embedded run's."""
    from deploy.embedded.state import State

    state = State(args.state)
    url = args.url
    if url is None:
        url = state.read_endpoints()["services"].get("audit")
        if url is None:
            raise WrongUse("the platform that runs here has no audit service")
    token = args.token
    # An embedded run's own token is for this machine alone.
    if token is None and _is_here(url) and state.keys.exists():
        from deploy.tokens import sign

        token = sign(args.state, "auditor")
    return url, token


def _is_here(url: str) -> bool:
    try:
        return urlsplit(url).hostname in _LOOPBACK
    except ValueError:
        return False


@contextmanager
def _progress(what: str) -> "Iterator[Progress]":
    """A bar on the terminal of whoever waits for a large log; silence elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn("entries"))
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(what, visible=False)

        def progress(done: int, size: int) -> None:
            bar.update(task, completed=done, total=size, visible=size >= _LARGE_LOG)

        yield progress
