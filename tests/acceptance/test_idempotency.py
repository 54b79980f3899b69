"""Idempotency-Key: the first answer again, and nothing twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx

from tests.acceptance import topics
from tests.acceptance.forms import tiny as tiny_form
from tests.acceptance.people import kind
from tests.acceptance.platform import Platform
from tests.acceptance.story import PATIENCE_S, Json, Story
from tests.waiting import until_true

Tiny = Callable[[str], Story]


def kept(story: Story, subject: str) -> list[Json]:
    """The subject's screenings."""
    found = story.site.pages("screening", story.path("screenings"))
    return [one for one in found if one["subject"] == subject]


def test_the_same_key_and_bytes_give_the_first_answer_again(platform: Platform, tiny: Tiny) -> None:
    story, key = tiny("TWAY"), str(uuid4())
    subject = story.new_subject()
    answers = [story.submission(subject, key=key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert len({answer.content for answer in answers}) == 1
    assert len(kept(story, subject)) == 1
    story.drawn(subject)
    assert story.submission(subject, key=key).content == answers[0].content  # even later
    records = topics.read(platform.kafka, "trialops.screening", f"TWAY:{subject}")
    assert len(records) == 1


def test_the_same_key_with_another_body_is_a_conflict(tiny: Tiny) -> None:
    story, key = tiny("TWAY"), str(uuid4())
    subject, other = story.new_subject(), story.new_subject()
    assert story.submission(subject, key=key).status_code == 201
    answer = story.submission(other, key=key)
    assert (answer.status_code, kind(answer)) == (409, "idempotency-key-reused")
    assert kept(story, other) == []


def test_the_bytes_count_not_what_they_mean(tiny: Tiny) -> None:
    story, key = tiny("TWAY"), str(uuid4())
    body = f'{{"subject": "{story.new_subject()}", "form": {{"age": 40}}}}'
    path = story.path("screenings")
    first = story.site.ask("POST", "screening", path, key=key, content=body.encode())
    again = story.site.ask("POST", "screening", path, key=key, content=f"{body} ".encode())
    assert (first.status_code, again.status_code) == (201, 409)


def test_twins_at_once_have_one_effect(platform: Platform, tiny: Tiny) -> None:
    story = tiny("TWAY")
    for _ in range(5):
        subject, key = story.new_subject(), str(uuid4())

        def send(_: int, subject: str = subject, key: str = key) -> httpx.Response:
            return story.submission(subject, key=key)

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(send, range(8)))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert len(kept(story, subject)) == 1
        story.drawn(subject)
        records = topics.read(platform.kafka, "trialops.screening", f"TWAY:{subject}")
        assert len(records) == 1


def test_twins_of_a_signature_correction_and_failure_have_one_effect(nct: Story) -> None:
    screening = nct.submit(nct.new_subject())
    one = f"screenings/{screening['id']}"
    steps: list[tuple[str, Json]] = [
        ("corrections", {"changes": {"age": 62}, "reason": "typo"}),
        ("failure", {"reason": "withdrew"}),
    ]
    for verb, body in steps:
        key = str(uuid4())

        def send(_: int, verb: str = verb, body: Json = body, key: str = key) -> httpx.Response:
            return nct.site.post("screening", nct.path(f"{one}/{verb}"), body, key)

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(send, range(4)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
    assert nct.screening(screening)["revision"] == 2

    signed = nct.submit(nct.new_subject())
    path, key = nct.path(f"screenings/{signed['id']}/signature"), str(uuid4())
    twice = [
        nct.investigator.post("screening", path, {"meaning": "eligible"}, key) for _ in range(2)
    ]
    assert [answer.status_code for answer in twice] == [200, 200]
    assert twice[0].content == twice[1].content


def test_errors_are_not_kept(tiny: Tiny) -> None:
    story, key = tiny("TEMPTY"), str(uuid4())  # no list: a subject stays undrawn
    subject = story.new_subject()
    first = story.submit(subject)
    assert story.submission(subject, key=key).status_code == 409
    assert story.act(first, "failure", {"reason": "withdrew"}).status_code == 200
    again = story.submission(subject, key=key)
    assert (again.status_code, again.json()["attempt"]) == (201, 2)

    other = str(uuid4())
    bad = story.submission(story.new_subject(), {"age": "old"}, other)
    assert bad.status_code == 422
    assert story.submission(story.new_subject(), key=other).status_code == 201


def test_a_key_belongs_to_person_method_and_path(platform: Platform, tiny: Tiny) -> None:
    story, key = tiny("TWAY"), str(uuid4())
    assert story.submission(story.new_subject(), key=key).status_code == 201
    body = {"subject": story.new_subject(), "form": tiny_form()}
    colleague = platform.person("site", "colleague")
    by_another = colleague.post("screening", story.path("screenings"), body, key)
    assert by_another.status_code == 201
    elsewhere = tiny("TEMPTY")
    assert elsewhere.submission(story.new_subject(), key=key).status_code == 201
    failed = story.submit(story.new_subject(), tiny_form(age=17))
    path = story.path(f"screenings/{failed['id']}/failure")
    assert story.site.post("screening", path, {"reason": "gone"}, key).status_code == 200


def test_a_key_does_not_open_anothers_door(platform: Platform, tiny: Tiny) -> None:
    story, key = tiny("TWAY"), str(uuid4())
    subject = story.new_subject()
    assert story.submission(subject, key=key).status_code == 201
    body = {"subject": subject, "form": tiny_form()}
    # The same person by another token, now without this site.
    moved = platform.person("site", "site-person", sites=("T2",))
    assert moved.post("screening", story.path("screenings"), body, key).status_code == 404


def test_a_command_with_a_key_is_done_once(tiny: Tiny) -> None:
    story, key = tiny("TWAY"), str(uuid4())
    path = story.path("sites/T2/close")
    answers = [story.manager.post("randomizer", path, {"reason": "a test"}, key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    until_true(lambda: len(story.logged("SiteClosed")) == 1, PATIENCE_S)
    assert story.command(story.manager, "sites/T2/open").status_code == 200
