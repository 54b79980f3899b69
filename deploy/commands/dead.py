"""`trialops dead`: the dead letters of every service of the embedded platform."""

import argparse
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import UUID

from deploy.commands import Subparsers
from deploy.wrong_use import WrongUse

if TYPE_CHECKING:
    import httpx

_PAGE = 1000
_NOT_FOUND, _INVALID = 404, 422

Row = dict[str, Any]


def add(subparsers: Subparsers) -> None:
    """Registers the command and its verbs."""
    parser = subparsers.add_parser("dead", help="dead letters: list, show, replay, drop")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="all open letters")
    listing.set_defaults(run=run, verb=_list)
    show = verbs.add_parser("show", help="one open letter")
    show.add_argument("letter", metavar="ID")
    show.set_defaults(run=run, verb=_show)
    replay = verbs.add_parser("replay", help="apply letters, then what waits behind them")
    replay.add_argument("letters", metavar="ID", nargs="+")
    replay.set_defaults(run=run, verb=_replay)
    drop = verbs.add_parser("drop", help="pass a letter over, for a reason")
    drop.add_argument("letter", metavar="ID")
    drop.add_argument("--reason", metavar="R", required=True, type=_text, help="why, for the log")
    drop.set_defaults(run=run, verb=_drop)


def _text(given: str) -> str:
    if not given.isprintable() or not given.strip():
        raise argparse.ArgumentTypeError("must be a line of text")
    return given


def run(arguments: argparse.Namespace) -> int:
    """Exit 0 done; 1 where a letter is not there, may not be settled or a service is silent."""
    import httpx

    from deploy.embedded.state import State
    from deploy.tokens import sign

    services = State(arguments.state).read_endpoints()["services"]
    headers = {"authorization": f"Bearer {sign(arguments.state, 'trial_manager')}"}
    # The services are on this machine: no proxy stands between.
    with httpx.Client(headers=headers, timeout=30, trust_env=False) as client:
        desk = _Desk(client, services)
        arguments.verb(desk, arguments)
    return 1 if desk.refusals else 0


class _Desk:
    """The services that hold letters; whatever is refused is a line on standard error."""

    def __init__(self, client: "httpx.Client", services: dict[str, str]) -> None:
        self._client = client
        self._services = services
        self.refusals = 0

    def listed(self) -> Iterator[Row]:
        """Every open letter, service by service."""
        for service in self._services:
            after: str | None = ""
            while after is not None:
                query: dict[str, str | int] = {"limit": _PAGE} | ({"after": after} if after else {})
                page = self._ask(service, "GET", "", query)
                found = page.json() if page else {"items": [], "next": None}
                yield from ({"service": service, **letter} for letter in found["items"])
                after = found["next"]

    def of(self, letter: str, method: str, verb: str = "", body: Row | None = None) -> None:
        """Ask the service that holds the letter, and print its answer."""
        before = self.refusals
        try:
            path = f"/{UUID(letter)}{verb}"
        except ValueError:
            self._refuse(f"no service has an open letter {letter!r}")
            return
        for service in self._services:
            answer = self._ask(service, method, path, body=body)
            if answer:
                print(json.dumps({"service": service, **answer.json()}))
                return
        if self.refusals == before:
            self._refuse(f"no service has an open letter {letter}")

    def _ask(
        self,
        service: str,
        method: str,
        path: str,
        query: dict[str, str | int] | None = None,
        body: Row | None = None,
    ) -> "httpx.Response | None":
        """A service's answer; None where it has no such letter or says no, which is told."""
        import httpx

        url = f"{self._services[service]}/v1/dead{path}"
        try:
            answer = self._client.request(method, url, params=query, json=body)
        except httpx.HTTPError as error:
            self._refuse(f"no answer from {service} ({type(error).__name__})")
            return None
        if answer.status_code == _INVALID:
            raise WrongUse(_why(answer))
        if not answer.is_success:
            if answer.status_code != _NOT_FOUND:
                self._refuse(f"{service}{path}: {_why(answer)}")
            return None
        return answer

    def _refuse(self, line: str) -> None:
        sys.stderr.write(f"trialops dead: {' '.join(line.split())}\n")
        self.refusals += 1


def _why(answer: "httpx.Response") -> str:
    problem = answer.json()
    errors = [f"{error['loc'][-1]}: {error['msg']}" for error in problem.get("errors", ())]
    return "; ".join(errors) or str(problem["detail"])


def _list(desk: _Desk, arguments: argparse.Namespace) -> None:
    for letter in desk.listed():
        print(json.dumps(letter))


def _show(desk: _Desk, arguments: argparse.Namespace) -> None:
    desk.of(arguments.letter, "GET")


def _replay(desk: _Desk, arguments: argparse.Namespace) -> None:
    for letter in arguments.letters:
        desk.of(letter, "POST", "/replay")


def _drop(desk: _Desk, arguments: argparse.Namespace) -> None:
    desk.of(arguments.letter, "POST", "/drop", {"reason": arguments.reason})
