"""`trialops dead` typed wrongly: one line and exit code 2, whether a platform runs or not."""

from pathlib import Path

import pytest

from deploy.cli import main


@pytest.mark.parametrize(
    "line",
    [
        [],
        ["bury"],
        ["show"],
        ["show", "a", "b"],
        ["replay"],
        ["drop", "a"],
        ["drop", "--reason", "poison"],
        ["drop", "a", "b", "--reason", "poison"],
        ["drop", "a", "--reason", ""],
        ["drop", "a", "--reason", " "],
        ["drop", "a", "--reason", "two\nlines"],
        ["drop", "a", "--reason", "\udcff"],
        ["list"],  # nothing runs here
    ],
)
def test_wrong_use_is_one_line_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: list[str]
) -> None:
    try:
        code = main(["--state", str(tmp_path), "dead", *line])
    except SystemExit as end:
        code = int(end.code or 0)
    said = capsys.readouterr()
    assert (code, said.out, len(said.err.splitlines())) == (2, "", 1)
