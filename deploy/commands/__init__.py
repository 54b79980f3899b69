"""One module a command of `trialops`, found by itself: `add(subparsers)` and what it runs.

Imports at a module's top are paid by every command, so the working parts are imported when run.
"""

import argparse
from typing import TypeAlias

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 argparse has no public name for it
