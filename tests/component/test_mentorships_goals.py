"""Goals over HTTP: whose they are, who sees them, and what is left after an erasure."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from deploy.issuer import LocalIssuer
from shared.contracts.matching import RelationshipClosed
from shared.contracts.payload import Recipient
from tests.component.mentorships_kit import (
    MENTEE,
    MENTOR,
    NORTH,
    PROGRAMME,
    SOUTH,
    MentorshipsService,
    about,
    erase,
    serving,
)

STRANGER = Recipient(member="sue", institution=SOUTH)
GOAL = {"title": "Submit my first paper", "description": "The sepsis data.", "shared": True}


@pytest.fixture
async def service(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[MentorshipsService]:
    async with serving(mongo_uri, kafka_bootstrap, issuer, "api") as running:
        for person in (MENTEE, MENTOR, STRANGER):
            await running.knows(person)
        await running.knows_programme()
        yield running


async def set_goal(service: MentorshipsService, **changed: object) -> tuple[str, str]:
    """The ids of a mentorship and of a goal of its mentee."""
    mentorship = await service.opened()
    answer = await service.post(MENTEE, f"/mentorships/{mentorship}/goals", GOAL | changed)
    assert answer.status_code == 201, answer.text
    return mentorship, answer.json()["id"]


async def test_a_shared_goal_is_read_by_the_two_only(service: MentorshipsService) -> None:
    mentorship, goal = await set_goal(service)
    for person in (MENTEE, MENTOR):
        assert (await service.get(person, f"/goals/{goal}")).json()["title"] == GOAL["title"]
    coordinator = service.headers(Recipient(member="cora", institution=NORTH), roles=["institution_coordinator"])
    for path in (f"/goals/{goal}", f"/mentorships/{mentorship}/goals"):
        assert (await service.get(STRANGER, path)).status_code == 404
        assert (await service.http.get(path, headers=coordinator)).status_code == 403
    assert (await service.post(MENTOR, f"/mentorships/{mentorship}/goals", GOAL)).status_code == 403
    assert (await service.put(MENTOR, f"/goals/{goal}", GOAL)).status_code == 403


async def test_an_unshared_goal_does_not_exist_for_the_mentor(service: MentorshipsService) -> None:
    mentorship, goal = await set_goal(service, shared=False)
    unknown = await service.get(MENTOR, "/goals/nothing")
    hidden = await service.get(MENTOR, f"/goals/{goal}")
    assert (hidden.status_code, hidden.json()) == (404, unknown.json())
    assert (await service.get(MENTOR, f"/mentorships/{mentorship}/goals")).json() == {"items": []}
    refused = await service.post(MENTOR, f"/goals/{goal}/comments", {"text": "Yes"})
    assert refused.status_code == 404


async def test_texts_are_in_no_event(service: MentorshipsService) -> None:
    _, goal = await set_goal(service)
    await service.post(MENTOR, f"/goals/{goal}/comments", {"text": "Start with the abstract."})
    values = " ".join(row["value"] for row in await service.database["outbox"].find({}).to_list(None))
    assert "goal" in values
    assert not any(word in values for word in ("paper", "sepsis", "abstract"))


async def test_a_private_note_changes_nothing_that_the_other_reads(service: MentorshipsService) -> None:
    _, goal = await set_goal(service)
    before = await service.get(MENTOR, f"/goals/{goal}")
    noted = await service.post(MENTEE, f"/goals/{goal}/comments", {"text": "I am afraid.", "audience": "author"})
    assert [comment["text"] for comment in noted.json()["comments"]] == ["I am afraid."]
    after = await service.get(MENTOR, f"/goals/{goal}")
    assert (after.json(), after.headers["etag"]) == (before.json(), before.headers["etag"])


async def test_of_two_changes_of_one_version_one_is_refused_and_loses_nothing(service: MentorshipsService) -> None:
    _, goal = await set_goal(service)
    answers = await asyncio.gather(
        *(service.put(MENTEE, f"/goals/{goal}", GOAL | {"title": title}, **{"If-Match": '"1"'}) for title in "AB")
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_twenty_comments_at_once_are_all_kept(service: MentorshipsService) -> None:
    _, goal = await set_goal(service)
    people = [MENTEE, MENTOR] * 10
    await asyncio.gather(*(service.post(person, f"/goals/{goal}/comments", {"text": "Yes"}) for person in people))
    assert len((await service.get(MENTEE, f"/goals/{goal}")).json()["comments"]) == 20


async def test_after_the_end_there_are_notes_for_oneself_only(service: MentorshipsService) -> None:
    mentorship, goal = await set_goal(service)
    await service.hears(RelationshipClosed(reason="not_a_fit", **about(mentorship)))
    refused = await service.post(MENTOR, f"/goals/{goal}/comments", {"text": "Why?"})
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "mentorship_ended")
    note = {"text": "It was good.", "audience": "author"}
    assert (await service.post(MENTOR, f"/goals/{goal}/comments", note)).status_code == 201
    assert (await service.published())[-1] != "goal.changed"


async def test_bad_texts_are_refused_with_their_field(service: MentorshipsService) -> None:
    mentorship, _ = await set_goal(service)
    for body, field in (
        (GOAL | {"title": "a\0b"}, "title"),
        (GOAL | {"title": ""}, "title"),
        (GOAL | {"description": "x" * 5_001}, "description"),
        (GOAL | {"owner": "me"}, "owner"),
    ):
        refused = await service.post(MENTEE, f"/mentorships/{mentorship}/goals", body)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)


@pytest.mark.parametrize(("person", "left"), [(MENTEE, 0), (MENTOR, 1)], ids=["mentee", "mentor"])
async def test_an_erased_persons_texts_are_gone(service: MentorshipsService, person: Recipient, left: int) -> None:
    _, goal = await set_goal(service)
    await service.post(MENTOR, f"/goals/{goal}/comments", {"text": "Start with the abstract."})
    await erase(service, person)
    documents = await service.database["goals"].find({}).to_list(None)
    assert len(documents) == left
    assert "abstract" not in str(documents)
    assert (await service.published())[-1] == "erasure.completed"
    assert PROGRAMME in str(await service.database["mentorships"].find({}).to_list(None))


async def test_a_block_stops_comments_and_lets_notes_for_oneself_through(service: MentorshipsService) -> None:
    mentorship, goal = await set_goal(service)
    assert (await service.put(MENTEE, f"/mentorships/{mentorship}/messages/block", None)).status_code == 204
    comments = f"/goals/{goal}/comments"
    for person, code in ((MENTEE, "thread_blocked"), (MENTOR, "thread_closed")):
        refused = await service.post(person, comments, {"text": "Why?"})
        assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, code)
        assert (await service.post(person, comments, {"text": "Mine.", "audience": "author"})).status_code == 201
