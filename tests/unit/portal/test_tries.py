"""From where a sign-in is tried."""

import pytest

from services.portal.tries import place


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("unknown", "unknown", True),
        ("unknown", "", False),
    ],
)
def test_an_address_is_one_machines(one: str, other: str, same: bool) -> None:
    assert (place(one) == place(other)) is same
