"""The thread of a mentorship over HTTP: read by the two alone, blocked, reported and forgotten."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from deploy.issuer import ISSUER, LocalIssuer
from services.mentorships.messages.domain import Thread
from services.mentorships.messages.repository import MongoMessages
from services.mentorships.messages.usecases import Messages
from shared.auth import Principal, subject_hash
from shared.contracts.envelope import Trace
from shared.contracts.matching import RelationshipClosed
from shared.contracts.payload import Recipient
from shared.errors import Conflict
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
FRIDAY = {"text": "Shall we meet on Friday?"}


@pytest.fixture
async def service(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[MentorshipsService]:
    async with serving(mongo_uri, kafka_bootstrap, issuer, "api") as running:
        for person in (MENTEE, MENTOR, STRANGER):
            await running.knows(person)
        await running.knows_programme()
        yield running


async def texts(service: MentorshipsService, person: Recipient, id: str) -> list[str]:
    return [item["text"] for item in (await service.get(person, f"/mentorships/{id}/messages")).json()["items"]]


def coordinator(service: MentorshipsService, institution: str) -> dict[str, str]:
    return service.headers(Recipient(member="cora", institution=institution), roles=["institution_coordinator"])


async def test_only_the_two_read_what_they_write(service: MentorshipsService) -> None:
    id = await service.opened()
    path = f"/mentorships/{id}/messages"
    assert (await service.post(MENTEE, path, FRIDAY)).status_code == 201
    assert (await service.post(MENTOR, path, {"text": "Gladly."})).status_code == 201
    for person in (MENTEE, MENTOR):
        assert await texts(service, person, id) == ["Gladly.", FRIDAY["text"]]
    assert (await service.get(STRANGER, path)).status_code == 404
    assert (await service.post(STRANGER, path, FRIDAY)).status_code == 404
    assert (await service.http.get(path, headers=coordinator(service, NORTH))).status_code == 403
    values = " ".join(row["value"] for row in await service.database["outbox"].find({}).to_list(None))
    assert "message" in values
    assert not any(word in values for word in ("Friday", "Gladly"))


async def test_two_pages_show_each_message_once(service: MentorshipsService) -> None:
    id = await service.opened()
    path = f"/mentorships/{id}/messages"
    await asyncio.gather(*(service.post(MENTEE, path, {"text": str(number)}) for number in range(5)))
    first = (await service.get(MENTEE, path, limit=3)).json()
    second = (await service.get(MENTEE, path, limit=3, cursor=first["next"])).json()
    assert {item["text"] for item in first["items"] + second["items"]} == {"0", "1", "2", "3", "4"}


async def test_a_block_stops_both_and_is_shown_to_its_author_alone(service: MentorshipsService) -> None:
    id = await service.opened()
    path = f"/mentorships/{id}/messages"
    assert (await service.put(MENTOR, f"{path}/block", None)).status_code == 204
    for person, code in ((MENTEE, "thread_closed"), (MENTOR, "thread_blocked")):
        refused = await service.post(person, path, FRIDAY)
        assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, code)
    assert (await service.get(MENTOR, path)).json()["blocked"] is True
    assert (await service.get(MENTEE, path)).json()["blocked"] is False
    unblocked = await service.http.delete(f"{path}/block", headers=service.headers(MENTOR))
    assert unblocked.status_code == 204
    assert (await service.post(MENTEE, path, FRIDAY)).status_code == 201


async def test_after_the_end_messages_are_read_and_none_is_sent(service: MentorshipsService) -> None:
    id = await service.opened()
    await service.post(MENTEE, f"/mentorships/{id}/messages", FRIDAY)
    await service.hears(RelationshipClosed(reason="goals_reached", **about(id)))
    assert await texts(service, MENTOR, id) == [FRIDAY["text"]]
    assert (await service.post(MENTOR, f"/mentorships/{id}/messages", FRIDAY)).status_code == 409


async def test_a_reported_message_is_read_by_the_reporters_coordinators_and_by_no_other(
    service: MentorshipsService,
) -> None:
    id = await service.opened()
    path = f"/mentorships/{id}/messages"
    await service.post(MENTOR, path, {"text": "Polite."})
    sent = (await service.post(MENTOR, path, {"text": "Rude."})).json()["id"]
    assert (await service.post(MENTOR, f"/messages/{sent}/report", {"reason": "spam"})).status_code == 403
    assert (await service.post(STRANGER, f"/messages/{sent}/report", {"reason": "spam"})).status_code == 404
    report = {"reason": "harassment", "comment": "Not the first time."}
    assert (await service.post(MENTEE, f"/messages/{sent}/report", report)).status_code == 204
    reports = f"/programmes/{PROGRAMME}/message-reports"
    own = (await service.http.get(reports, headers=coordinator(service, NORTH))).json()["items"]
    assert [(item["message"]["text"], item["comment"]) for item in own] == [("Rude.", report["comment"])]
    assert (await service.http.get(reports, headers=coordinator(service, SOUTH))).json()["items"] == []
    assert "report" not in str((await service.get(MENTOR, path)).json())


async def test_a_message_that_was_begun_before_a_block_does_not_arrive_after_it(service: MentorshipsService) -> None:
    id = await service.opened()
    path = f"/mentorships/{id}/messages"

    class Slow(MongoMessages):
        async def thread(self, institution: str, mentorship: str) -> Thread | None:
            found = await super().thread(institution, mentorship)
            assert (await service.put(MENTOR, f"{path}/block", None)).status_code == 204
            return found

    sending = Messages(Slow(service.database, service.clock), service.clock)
    me = Principal(
        institution=MENTEE.institution,
        subject_hash=subject_hash(ISSUER, MENTEE.member),
        roles=frozenset({"member"}),
    )
    with pytest.raises(Conflict):
        await sending.send(me, id, id="late", text="Friday?", trace=Trace(correlation_id="test"))
    assert await texts(service, MENTOR, id) == []


async def test_a_coordinator_does_not_read_what_was_reported_of_themselves(service: MentorshipsService) -> None:
    near = Recipient(member="nina", institution=NORTH)
    await service.knows(near)
    id = await service.opened(mentor=near)
    sent = (await service.post(near, f"/mentorships/{id}/messages", {"text": "Rude."})).json()["id"]
    await service.post(MENTEE, f"/messages/{sent}/report", {"reason": "harassment", "comment": "Again."})
    path = f"/programmes/{PROGRAMME}/message-reports"
    both = service.headers(near, roles=["member", "institution_coordinator"])
    assert (await service.http.get(path, headers=both)).json()["items"] == []
    assert len((await service.http.get(path, headers=coordinator(service, NORTH))).json()["items"]) == 1


async def test_who_blocked_or_reported_exports_that_and_it_is_gone_with_them(service: MentorshipsService) -> None:
    id = await service.opened()
    path = f"/mentorships/{id}/messages"
    sent = (await service.post(MENTOR, path, {"text": "Rude."})).json()["id"]
    await service.post(MENTEE, f"/messages/{sent}/report", {"reason": "harassment", "comment": "Again."})
    await service.put(MENTEE, f"{path}/block", None)
    await service.post(MENTEE, "/me/calendar")
    mine = (await service.get(MENTEE, "/me/export")).json()
    assert mine["message_blocks"] == [{"mentorship": id}]
    assert [(each["message"], each["comment"]) for each in mine["message_reports"]] == [(sent, "Again.")]
    assert [set(each) for each in mine["calendar"]] == [{"created_at"}]
    others = (await service.get(MENTOR, "/me/export")).json()
    assert (others["message_blocks"], others["message_reports"], others["calendar"]) == ([], [], [])
    await erase(service, MENTEE)
    (thread,) = await service.database["threads"].find({}).to_list(None)
    assert thread["blocked_by"] == []


@pytest.mark.parametrize("text", ["", "x" * 5_001, "a\0b", "a\u202eb"])
async def test_bad_texts_are_refused(service: MentorshipsService, text: str) -> None:
    id = await service.opened()
    refused = await service.post(MENTEE, f"/mentorships/{id}/messages", {"text": text})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "text")


async def test_an_erased_persons_messages_are_gone(service: MentorshipsService) -> None:
    id = await service.opened()
    await service.post(MENTEE, f"/mentorships/{id}/messages", FRIDAY)
    await service.post(MENTOR, f"/mentorships/{id}/messages", {"text": "Gladly."})
    await erase(service, MENTEE)
    assert await texts(service, MENTOR, id) == ["Gladly."]


async def test_nothing_is_written_to_or_by_an_erased_person(service: MentorshipsService) -> None:
    id = await service.opened()
    await service.database["people"].update_one({"_id": MENTOR.member}, {"$set": {"erased": True}})
    refused = await service.post(MENTEE, f"/mentorships/{id}/messages", FRIDAY)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "not_available")
    assert await texts(service, MENTEE, id) == []
