"""The one error that the command line answers with a line and exit code 2."""


class WrongUse(Exception):
    """What was wrong, in one line for the person who typed it."""
