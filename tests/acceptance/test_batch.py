"""A batch: any number of lines, answered in order; good lines are kept whatever the others."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit
from uuid import uuid4

from tests.acceptance.forms import tiny as tiny_form
from tests.acceptance.story import Json, Story
from tests.waiting import until_true

Tiny = Callable[[str], Story]


def send(story: Story, lines: list[bytes], key: str | None = None) -> list[Json]:
    """The answers, a line each."""
    answer = story.site.ask(
        "POST", "screening", story.path("screenings/batch"), key=key, content=b"\n".join(lines)
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def line(subject: str, **changes: object) -> bytes:
    """A good line."""
    return json.dumps({"subject": subject, "form": tiny_form(**changes)}).encode()


def test_many_lines_are_answered_in_order_and_all_drawn(tiny: Tiny) -> None:
    story = tiny("TBATCH")
    before = story.enrolment()["randomized"]
    subjects = [story.new_subject() for _ in range(1500)]
    answers = send(story, [line(subject) for subject in subjects])
    assert [answer["subject"] for answer in answers] == subjects
    assert {answer["attempt"] for answer in answers} == {1}
    assert "criteria" in answers[0] and answers[0]["verdict"] == "eligible"
    until_true(lambda: story.enrolment()["randomized"] >= before + 1500, 60)
    numbers = [one["number"] for one in story.site.pages("randomizer", story.path("allocations"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_bad_lines_are_told_by_number_and_the_others_are_kept(tiny: Tiny) -> None:
    story = tiny("TBATCH")
    good, twice, foreign = story.new_subject(), story.new_subject(), "ZZ99-000001"
    over = line(story.new_subject(), weight={"value": 70, "unit": "kg", "x": "y" * 50_000})
    lines = [
        line(good),
        b"no json",
        b"",
        line(twice),
        line(twice),  # the same subject again
        line(foreign),
        line(story.new_subject(), age="old"),
        over,
        b'{"subject": "T1-000001", "form": {}, "form": {}}',
        b"\xff\xfe",
        line(story.new_subject(), age=17),
        line(story.new_subject()),
    ]
    answers = send(story, lines)
    assert len(answers) == len(lines)
    statuses = [answer.get("status", 201) for answer in answers]
    assert statuses == [201, 422, 422, 201, 409, 404, 422, 413, 422, 422, 201, 201]
    for number, answer in enumerate(answers, 1):
        if "status" in answer:
            assert answer["line"] == number
            assert answer["type"] and answer["title"] and answer["detail"]
    assert answers[6]["errors"][0]["loc"] == ["age"]
    assert answers[8]["errors"][0]["loc"] == ["form"]
    assert answers[10]["verdict"] == "ineligible"
    story.drawn(good)
    story.drawn(twice)


def test_a_line_over_the_limit_is_refused_wherever_it_stands(tiny: Tiny) -> None:
    story = tiny("TBATCH")
    first, last = story.new_subject(), story.new_subject()
    just = line(story.new_subject())
    lines = [line(first), b"x" * 3_000_000, just.ljust(48 * 1024), just.ljust(48 * 1024 + 1)]
    answers = send(story, [*lines, line(last)])
    assert [answer.get("status", 201) for answer in answers] == [201, 413, 201, 413, 201]
    assert send(story, [b"x" * 100_000])[0]["status"] == 413


def test_line_ends_and_an_empty_body(tiny: Tiny) -> None:
    story = tiny("TBATCH")
    assert send(story, [b""]) == []
    one, two = story.new_subject(), story.new_subject()
    answers = send(story, [line(one) + b"\r", line(two), b""])  # CRLF, LF, an end
    assert [answer["subject"] for answer in answers] == [one, two]


def test_each_line_is_a_unit_of_idempotency(tiny: Tiny) -> None:
    story, key = tiny("TBATCH"), str(uuid4())
    first, second, third = (story.new_subject() for _ in range(3))
    lines = [line(first), b"bad", line(second)]
    answers = send(story, lines, key)
    assert [answer.get("status", 201) for answer in answers] == [201, 422, 201]
    assert send(story, lines, key) == answers  # all again, nothing twice

    mended = [line(first), line(third), line(second, age=41), line(second)]
    again = send(story, mended, key)
    assert again[0] == answers[0]  # the first answer
    assert again[1]["subject"] == third  # the error was not kept
    assert again[2]["type"].endswith("/idempotency-key-reused")  # other bytes in line 3
    assert again[3]["status"] == 409  # a new line: the subject has a screening
    found = story.site.pages("screening", story.path("screenings"))
    for subject in (first, second, third):
        assert [one["attempt"] for one in found if one["subject"] == subject] == [1]


def test_a_batch_that_breaks_off_keeps_what_it_committed_and_goes_on_by_its_key(
    tiny: Tiny,
) -> None:
    story, key = tiny("TBATCH"), str(uuid4())
    subjects = [story.new_subject() for _ in range(300)]

    def half() -> Iterator[bytes]:
        yield b"\n".join(line(subject) for subject in subjects[:150]) + b"\n"
        raise ConnectionAbortedError

    headers = {"authorization": f"Bearer {story.site.token}", "idempotency-key": key}
    url = f"{story.platform.services['screening']}/v1{story.path('screenings/batch')}"
    with suppress(ConnectionAbortedError):
        story.platform.http.post(url, headers=headers, content=half())
    answers = send(story, [line(subject) for subject in subjects], key)
    assert [answer["subject"] for answer in answers] == subjects
    assert {answer["attempt"] for answer in answers} == {1}


@contextmanager
def open_request(story: Story, length: int) -> Iterator[socket.socket]:
    """A connection on which the head of a batch was sent, and nothing of its body."""
    at = urlsplit(story.platform.services["screening"])
    head = (
        f"POST /v1{story.path('screenings/batch')} HTTP/1.1\r\nHost: {at.netloc}\r\n"
        f"Authorization: Bearer {story.site.token}\r\nContent-Length: {length}\r\n"
        "Connection: close\r\n\r\n"
    )
    assert at.hostname and at.port
    with socket.create_connection((at.hostname, at.port), timeout=60) as connection:
        connection.sendall(head.encode())
        yield connection


def received(connection: socket.socket, until: bytes | None = None) -> bytes:
    """What comes until it holds some bytes, else to the end."""
    data = b""
    while until is None or until not in data:
        if not (more := connection.recv(1 << 16)):
            return data
        data += more
    return data


def test_answers_come_while_lines_are_still_to_be_sent(tiny: Tiny) -> None:
    story = tiny("TBATCH")
    subjects = [story.new_subject() for _ in range(250)]
    lines = [line(subject) + b"\n" for subject in subjects]
    with open_request(story, sum(map(len, lines))) as connection:
        connection.sendall(b"".join(lines[:200]))
        early = received(connection, until=f'"{subjects[99]}"'.encode())
        connection.sendall(b"".join(lines[200:]))
        answers = early + received(connection)
    at = [answers.index(f'"subject":"{subject}"'.encode()) for subject in subjects]
    assert at == sorted(at)
    assert subjects[200].encode() not in early


def test_a_client_that_reads_nothing_before_it_has_sent_everything(tiny: Tiny) -> None:
    story = tiny("TBATCH")
    count = 60_000  # their answers are 15 MB, far more than the sockets between us hold
    last = story.new_subject()
    body = b"x\n" * count + line(last)
    with open_request(story, len(body)) as connection:
        connection.sendall(body)
        answers = received(connection)
    assert answers.count(b'"status":422') == count
    assert answers.index(last.encode()) > answers.rindex(b'"status":422')


def test_one_subject_again_and_again_is_decided_in_the_order_of_its_lines(tiny: Tiny) -> None:
    story = tiny("TBATCH")
    one, others = story.new_subject(), [story.new_subject() for _ in range(150)]
    lines = [line(one, age=17), line(one, age=16), line(one), line(one)]
    lines += [line(other) for other in others] + [line(one)]
    answers = send(story, lines)
    assert [answer.get("attempt") for answer in answers[:4]] == [1, 2, 3, None]
    assert [answers[3]["status"], answers[-1]["status"]] == [409, 409]
    assert [answer["subject"] for answer in answers[4:-1]] == others
