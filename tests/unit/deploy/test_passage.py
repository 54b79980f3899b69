"""Where the clock stops on its way."""

from datetime import UTC, datetime, timedelta

import pytest

from deploy.embedded.passage import stop

WALL = datetime(2030, 1, 1, tzinfo=UTC)
GOAL = timedelta(days=6)


@pytest.mark.parametrize(
    ("due", "offset"),
    [
        (None, GOAL),
        (WALL + timedelta(days=2), timedelta(days=2)),
        (WALL + timedelta(days=6), GOAL),
        (WALL + timedelta(days=7), GOAL),
    ],
)
def test_it_stops_at_the_next_due_instant_or_at_the_goal(
    due: datetime | None, offset: timedelta
) -> None:
    assert stop(WALL, GOAL, due) == offset
