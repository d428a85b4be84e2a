"""The thread of a mentorship over HTTP: read by the two alone, blocked, reported and forgotten."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from deploy.issuer import LocalIssuer
from services.mentorships.privacy.repository import MongoErasures
from services.mentorships.slices import FORGET
from shared.contracts.matching import RelationshipClosed
from shared.contracts.payload import Recipient
from shared.contracts.profiles import MemberErased
from tests.component.mentorships_kit import (
    MENTEE,
    MENTOR,
    NORTH,
    PROGRAMME,
    SOUTH,
    MentorshipsService,
    about,
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


@pytest.mark.parametrize("text", ["", "x" * 5_001, "a\0b", "a\u202eb"])
async def test_bad_texts_are_refused(service: MentorshipsService, text: str) -> None:
    id = await service.opened()
    refused = await service.post(MENTEE, f"/mentorships/{id}/messages", {"text": text})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "text")


async def test_an_erased_persons_messages_are_gone(service: MentorshipsService) -> None:
    id = await service.opened()
    await service.post(MENTEE, f"/mentorships/{id}/messages", FRIDAY)
    await service.post(MENTOR, f"/mentorships/{id}/messages", {"text": "Gladly."})
    erased = MemberErased(
        member=MENTEE.member,
        institution=MENTEE.institution,
        erasure="e",
        members_sequence=10**6,
        preferences_sequence=10**6,
        contacts_sequence=10**6,
        mentoring_sequence=10**6,
    )
    erasures = MongoErasures(service.database, service.clock, forget=FORGET)
    await erasures.fold_erasures([service.received(erased)])
    assert await texts(service, MENTOR, id) == ["Gladly."]


async def test_nothing_is_written_to_or_by_an_erased_person(service: MentorshipsService) -> None:
    id = await service.opened()
    await service.database["people"].update_one({"_id": MENTOR.member}, {"$set": {"erased": True}})
    refused = await service.post(MENTEE, f"/mentorships/{id}/messages", FRIDAY)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "not_available")
    assert await texts(service, MENTEE, id) == []
