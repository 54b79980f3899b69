"""Options that several verbs of `trialops design` take."""

import argparse
import re

_SEED = re.compile(r"[0-9]{1,18}").fullmatch


def seed(text: str) -> int:
    """The seed of a simulation: a whole number of up to 18 digits, else ``ArgumentTypeError``."""
    if not _SEED(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of up to 18 digits")
    return int(text)
