"""What a browser, or somebody who is none, sends with a form."""

import pytest
from starlette.requests import Request

from services.portal.security import from_here
from services.portal.visit import Form
from shared.runtime.problems import Problem


def test_a_form_of_too_many_fields_is_too_large() -> None:
    assert len(Form(b"&".join(b"f%d=1" % number for number in range(2000)))) == 2000
    with pytest.raises(Problem) as refused:
        Form(b"a=1&" * 2001)
    assert refused.value.status == 413


def test_a_nul_that_was_typed_is_shown_as_html_shows_it() -> None:
    assert Form(b"reason=a%00b")["reason"] == "a\ufffdb"
    assert Form(b"a%00=1")["a\ufffd"] == "1"


@pytest.mark.parametrize("origin", ["http://[here", "http://[::1", "null", "", "http://evil"])
def test_an_origin_that_cannot_be_read_is_not_ours(origin: str) -> None:
    headers = [(b"host", b"here"), (b"origin", origin.encode())]
    assert not from_here(Request({"type": "http", "headers": headers}), "https://here.example")


def test_the_host_asked_and_the_public_address_are_ours() -> None:
    for origin in (b"http://here", b"https://here.example"):
        headers = [(b"host", b"here"), (b"origin", origin)]
        assert from_here(Request({"type": "http", "headers": headers}), "https://here.example")
