"""The loops that stand beside the platform, each a process of its own, as its services are."""

import json
import sys


def printed(**figures: float) -> None:
    """A loop's answer: the last line that it prints, JSON."""
    sys.stdout.write(json.dumps(figures) + "\n")
