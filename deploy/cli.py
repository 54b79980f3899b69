"""The command `trialops`: finds its subcommands, reads the line, answers with an exit code."""

import argparse
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from deploy import commands
from deploy.wrong_use import WrongUse

_STATE_HELP = "state folder of the embedded run (default: $TRIALOPS_STATE, else .trialops)"


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line and exit code 2."""

    def error(self, message: str) -> NoReturn:
        line = " ".join(message.split())
        self.exit(2, f"{self.prog}: {line}\n")


def build() -> Parser:
    """The whole command line; each module of `deploy.commands` adds its own part."""
    parser = Parser(prog="trialops", description="A clinical trial's operations as services.")
    parser.add_argument("--state", metavar="DIR", help=f"{_STATE_HELP}; for every command")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in sorted(pkgutil.iter_modules(commands.__path__), key=lambda found: found.name):
        importlib.import_module(f"{commands.__name__}.{module.name}").add(subparsers)
    return parser


def read(line: Sequence[str]) -> argparse.Namespace:
    """The arguments of a command line, with `state` an absolute path wherever `--state` stood.

    Where nobody names a folder, a command's own `default_state` counts.
    """
    anywhere = Parser(prog="trialops", add_help=False, allow_abbrev=False)
    anywhere.add_argument("--state", type=Path)
    found, rest = anywhere.parse_known_args(line)
    arguments = build().parse_args(rest)
    default = getattr(arguments, "default_state", ".trialops")
    state = found.state or Path(os.environ.get("TRIALOPS_STATE") or default)
    arguments.state = state.resolve()
    return arguments


def main(line: Sequence[str] | None = None) -> int:
    """Run one command; 0 done, 1 the answer is no, 2 wrong use with one line that says what."""
    try:
        arguments = read(sys.argv[1:] if line is None else line)
        code: int = arguments.run(arguments)
    except WrongUse as fault:
        sys.stderr.write(f"trialops: {fault}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has heard enough; nothing may be flushed to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
