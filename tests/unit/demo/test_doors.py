"""Requests that are repeated until they are answered, and those that are not."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from deploy.demo.doors import Doors, Refused
from deploy.embedded.keys import Keys
from deploy.tokens import Bearer

SITE = Bearer("site", ("T1",), ("S1",), "site-S1")


class Service:
    """Answers in turn; what is no answer is raised."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def doors(tmp_path: Path) -> Callable[[Service], Doors]:
    keys = Keys(tmp_path / "keys")
    keys.prepare()
    return lambda service: Doors(
        {"screening": "http://screening"}, keys, httpx.MockTransport(service)
    )


async def test_a_post_is_repeated_with_its_key_until_it_is_answered(
    doors: Callable[[Service], Doors],
) -> None:
    service = Service(
        httpx.ConnectError("killed"),
        httpx.ReadError("killed half way"),
        httpx.Response(503, text="not now"),
        httpx.Response(201, text='{"id": 1}'),
    )
    async with doors(service) as asking:
        assert await asking.post("screening", "/v1/x", SITE, "one", {"a": 1}) == {"id": 1}
    assert len(service.asked) == 4
    assert {request.headers["idempotency-key"] for request in service.asked} == {"one"}
    assert {request.content for request in service.asked} == {b'{"a":1}'}


@pytest.mark.parametrize("status", [401, 403, 404, 409, 422, 500])
async def test_a_refusal_is_final_and_says_which_request(
    doors: Callable[[Service], Doors], status: int
) -> None:
    service = Service(httpx.Response(status, text="no"))
    async with doors(service) as asking:
        with pytest.raises(Refused, match=f"POST screening /v1/x: {status}: no"):
            await asking.post("screening", "/v1/x", SITE, "one", {})


async def test_a_list_is_read_to_its_end(doors: Callable[[Service], Doors]) -> None:
    service = Service(
        httpx.Response(200, text='{"items": [1, 2], "next": "2"}'),
        httpx.Response(200, text='{"items": [3], "next": null}'),
    )
    async with doors(service) as asking:
        assert await asking.every("screening", "/v1/x", SITE, by="arm") == [1, 2, 3]
    assert [dict(request.url.params) for request in service.asked] == [
        {"limit": "1000", "by": "arm"},
        {"limit": "1000", "by": "arm", "after": "2"},
    ]


async def test_an_empty_list_is_asked_for_once(doors: Callable[[Service], Doors]) -> None:
    service = Service(httpx.Response(200, text='{"items": [], "next": null}'))
    async with doors(service) as asking:
        assert await asking.every("screening", "/v1/x", SITE) == []
