"""Confidential support over HTTP: read by the mentee and the person whom they chose, and by nobody who judges them."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from deploy.issuer import LocalIssuer
from services.mentorships.privacy.repository import MongoErasures
from services.mentorships.projections.repository import MongoProjections
from services.mentorships.slices import FORGET
from shared.contracts.matching import AssessmentChanged, RelationshipClosed
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

OMBUD, OUTSIDE = Recipient(member="oma", institution=NORTH), Recipient(member="otto", institution=SOUTH)
STRANGER = Recipient(member="sue", institution=SOUTH)
COORDINATOR = Recipient(member="cora", institution=NORTH)
SECRET = "It is about my ward."


@pytest.fixture
async def service(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[MentorshipsService]:
    async with serving(mongo_uri, kafka_bootstrap, issuer, "api") as running:
        for person in (MENTEE, MENTOR, OMBUD, OUTSIDE, STRANGER, COORDINATOR):
            await running.knows(person)
        await running.knows_programme()
        yield running


def coordinating(service: MentorshipsService, person: Recipient = COORDINATOR) -> dict[str, str]:
    return service.headers(person, roles=["member", "institution_coordinator"])


async def listed(service: MentorshipsService, person: Recipient, role: str = "ombudsperson") -> str:
    """The id of an entry of the mentee's institution, not accepted yet."""
    body = {"member": person.member, "role": role, "note": "Bound to secrecy."}
    answer = await service.http.post("/institution/hearers", json=body, headers=coordinating(service))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def hearer(service: MentorshipsService, person: Recipient = OMBUD) -> str:
    id = await listed(service, person)
    accepted = await service.post(person, f"/hearers/{id}/accept")
    assert accepted.json()["has_accepted"], accepted.text
    return id


async def assesses(service: MentorshipsService, person: Recipient, *, counts: bool = True) -> None:
    payload = AssessmentChanged(
        assessment=f"a-{person.member}",
        institution=NORTH,
        assessor=person.member,
        assessed=MENTEE.member,
        counts=counts,
    )
    await MongoProjections(service.database).fold_assessments([service.received(payload)])


async def ask(service: MentorshipsService, id: str, hearer: str = "mentor") -> httpx.Response:
    body = {"hearer": hearer, "kind": "discrimination", "text": SECRET}
    return await service.post(MENTEE, f"/mentorships/{id}/support", body)


async def asked(service: MentorshipsService, hearer: str = "mentor") -> str:
    answer = await ask(service, await service.opened(), hearer)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def choices(service: MentorshipsService, id: str) -> list[str]:
    found = await service.get(MENTEE, f"/mentorships/{id}/hearers")
    return [choice["member"] for choice in found.json()["items"]]


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:preceptor:problem:")


async def test_a_mentee_asks_the_person_chosen_reads_and_answers_and_the_mentee_sees_when(
    service: MentorshipsService,
) -> None:
    id = await asked(service, await hearer(service))
    [waiting] = (await service.get(OMBUD, "/me/asked")).json()["items"]
    assert set(waiting) == {"id", "asked_at"}, "nothing of what it is about before it is read"
    read = await service.get(OMBUD, f"/support/{id}")
    assert (read.json()["text"], read.json()["mentee_name"]) == (SECRET, "Mia")
    await service.put(OMBUD, f"/support/{id}/answer", {"text": "Call me on Friday."})
    [mine] = (await service.get(MENTEE, "/me/support")).json()["items"]
    assert (len(mine["read_at"]), mine["answer"], mine["needs_another_hearer"]) == (1, "Call me on Friday.", False)
    assert (await service.post(MENTEE, f"/support/{id}/close")).status_code == 204
    assert code(await service.get(OMBUD, f"/support/{id}")) == (409, "support_closed")
    stored = str([document async for document in service.database["support_requests"].find()])
    assert SECRET not in stored
    assert "Friday" not in stored


async def test_neither_the_mentor_nor_a_coordinator_nor_a_stranger_reads_it(service: MentorshipsService) -> None:
    id = await asked(service, await hearer(service))
    for person in (MENTOR, STRANGER, COORDINATOR):
        headers = coordinating(service) if person is COORDINATOR else service.headers(person)
        assert code(await service.http.get(f"/support/{id}", headers=headers)) == (404, "support_not_found")
        assert (await service.http.get("/me/asked", headers=headers)).json()["items"] == []
        assert (await service.http.get("/me/support", headers=headers)).json()["items"] == []
        sent = {**headers, "Idempotency-Key": service.clock.new_id()}
        assert (await service.http.post(f"/support/{id}/close", headers=sent)).status_code == 404
        answered = await service.http.put(f"/support/{id}/answer", json={"text": "x"}, headers=headers)
        assert answered.status_code == 404
    assert SECRET not in str([row async for row in service.database["outbox"].find()])


async def test_who_assesses_the_mentee_cannot_be_chosen_and_the_answer_does_not_say_why(
    service: MentorshipsService,
) -> None:
    id, entry = await service.opened(), await hearer(service)
    assert await choices(service, id) == [MENTOR.member, OMBUD.member]
    await assesses(service, MENTOR)
    await assesses(service, OMBUD)
    assert await choices(service, id) == []
    for chosen in ("mentor", entry, "unknown"):
        refused = await ask(service, id, chosen)
        assert code(refused) == (409, "hearer_not_available")
        assert "assess" not in refused.text
    await assesses(service, MENTOR, counts=False)
    assert await choices(service, id) == [MENTOR.member]


async def test_who_assesses_the_mentee_later_reads_nothing_and_the_mentee_can_choose_another(
    service: MentorshipsService,
) -> None:
    id = await asked(service)
    await assesses(service, MENTOR)
    for _ in range(2):
        refused = await service.get(MENTOR, f"/support/{id}")
        assert code(refused) == (403, "hearer_refused")
        assert SECRET not in refused.text
    assert code(await service.put(MENTOR, f"/support/{id}/answer", {"text": "x"})) == (403, "hearer_refused")
    [mine] = (await service.get(MENTEE, "/me/support")).json()["items"]
    assert (mine["needs_another_hearer"], mine["read_at"]) == (True, [])
    assert (await service.published()).count("support.changed") == 2


async def test_a_coordinator_neither_accepts_nor_reads_with_that_role(service: MentorshipsService) -> None:
    entry = await listed(service, COORDINATOR)
    accepted = await service.http.post(f"/hearers/{entry}/accept", headers=coordinating(service))
    assert code(accepted) == (403, "coordinates_here")
    id = await asked(service)
    headers = service.headers(MENTOR, roles=["member", "coordinator"], programmes=[PROGRAMME])
    assert code(await service.http.get(f"/support/{id}", headers=headers)) == (403, "hearer_refused")
    elsewhere = service.headers(MENTOR, roles=["member", "coordinator"], programmes=["fellowship"])
    assert (await service.http.get(f"/support/{id}", headers=elsewhere)).status_code == 200


async def test_a_listed_person_is_chosen_after_they_accept_and_until_they_are_removed(
    service: MentorshipsService,
) -> None:
    id = await service.opened()
    entry = await listed(service, OUTSIDE, "outside_mentor")
    assert await choices(service, id) == [MENTOR.member]
    [mine] = (await service.get(OUTSIDE, "/me/hearers")).json()["items"]
    assert (mine["id"], mine["has_accepted"]) == (entry, False)
    assert (await service.post(STRANGER, f"/hearers/{entry}/accept")).status_code == 404
    await service.post(OUTSIDE, f"/hearers/{entry}/accept")
    assert await choices(service, id) == [MENTOR.member, OUTSIDE.member]
    assert (await service.http.delete(f"/hearers/{entry}", headers=service.headers(STRANGER))).status_code == 404
    assert (await service.http.delete(f"/hearers/{entry}", headers=service.headers(OUTSIDE))).status_code == 204
    assert await choices(service, id) == [MENTOR.member]
    assert await service.published() == ["mentorship.began", "hearer.listed"]


async def test_only_a_coordinator_of_the_whole_institution_keeps_the_list(service: MentorshipsService) -> None:
    await service.knows(Recipient(member="far", institution="far"))
    limited = service.headers(COORDINATOR, roles=["coordinator"], programmes=[PROGRAMME])
    assert (await service.http.get("/institution/hearers", headers=limited)).status_code == 403
    for member in ("nobody", "far"):
        body = {"member": member, "role": "other"}
        unknown = await service.http.post("/institution/hearers", json=body, headers=coordinating(service))
        assert code(unknown) == (404, "member_not_found")
    entry = await hearer(service)
    [item] = (await service.http.get("/institution/hearers", headers=coordinating(service))).json()["items"]
    assert (item["id"], item["name"], item["has_accepted"]) == (entry, "Oma", True)
    south = service.headers(Recipient(member="con", institution=SOUTH), roles=["institution_coordinator"])
    assert (await service.http.get("/institution/hearers", headers=south)).json()["items"] == []


async def test_support_is_for_mentees_and_after_the_end_by_the_list_only(service: MentorshipsService) -> None:
    id, entry = await service.opened(), await hearer(service)
    body = {"hearer": "mentor", "kind": "other", "text": "x"}
    assert code(await service.post(MENTOR, f"/mentorships/{id}/support", body)) == (403, "mentee_only")
    await service.hears(RelationshipClosed(reason="no_time", **about(id)))
    assert await choices(service, id) == [OMBUD.member]
    assert (await ask(service, id, entry)).status_code == 201


async def test_numbers_are_shown_from_five_on_to_coordinators_of_the_mentees_institution(
    service: MentorshipsService,
) -> None:
    path = f"/programmes/{PROGRAMME}/support-numbers"

    async def shown(institution: str = NORTH) -> Any:
        who = service.headers(Recipient(member="con", institution=institution), roles=["institution_coordinator"])
        return (await service.http.get(path, headers=who)).json()["requests"]["discrimination"]

    for expected in (0, 0, 0, 0, 5, 5):
        await asked(service)
        assert await shown() == expected
    assert await shown(SOUTH) == 0
    assert (await service.http.get(path, headers=service.headers(MENTEE))).status_code == 403


def erased(person: Recipient) -> MemberErased:
    return MemberErased(
        member=person.member,
        institution=person.institution,
        erasure="e",
        members_sequence=10**6,
        preferences_sequence=10**6,
        contacts_sequence=10**6,
        mentoring_sequence=10**6,
    )


async def test_an_erasure_deletes_what_the_person_asked_answered_and_offered(service: MentorshipsService) -> None:
    erasures = MongoErasures(service.database, service.clock, forget=FORGET)
    id = await asked(service, await hearer(service))
    await service.put(OMBUD, f"/support/{id}/answer", {"text": "Call me on Friday."})
    await erasures.fold_erasures([service.received(erased(OMBUD))])
    mine = (await service.get(MENTEE, f"/support/{id}")).json()
    assert (mine["text"], mine["answer"], mine["needs_another_hearer"]) == (SECRET, "", True)
    assert await service.database["hearers"].count_documents({}) == 0
    assert (await service.post(MENTEE, f"/support/{id}/close")).status_code == 204
    await asked(service)
    await erasures.fold_erasures([service.received(erased(MENTEE))])
    assert await service.database["support_requests"].count_documents({}) == 0


async def test_each_exports_what_they_wrote_and_nothing_of_the_other(service: MentorshipsService) -> None:
    id = await asked(service, await hearer(service))
    await service.put(OMBUD, f"/support/{id}/answer", {"text": "Call me on Friday."})
    [own] = (await service.get(MENTEE, "/me/export")).json()["support"]
    assert (own["text"], own["hearer"]) == (SECRET, OMBUD.member)
    assert "Friday" not in str(own)
    answered = (await service.get(OMBUD, "/me/export")).json()["support"]
    assert "Friday" in str(answered)
    assert SECRET not in str(answered)
    assert (await service.get(MENTOR, "/me/export")).json()["support"] == []


@pytest.mark.parametrize("text", ["", "x" * 5_001, "a\0b", "a\u202eb"])
async def test_bad_texts_are_refused_and_not_quoted(service: MentorshipsService, text: str) -> None:
    id = await service.opened()
    body = {"hearer": "mentor", "kind": "other", "text": text}
    refused = await service.post(MENTEE, f"/mentorships/{id}/support", body)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "text")


async def test_a_hearer_who_was_refused_is_not_offered_again(service: MentorshipsService) -> None:
    mentorship = await service.opened()
    id = str((await ask(service, mentorship)).json()["id"])
    coordinating_mentor = service.headers(MENTOR, roles=["member", "institution_coordinator"])
    refused = await service.http.get(f"/support/{id}", headers=coordinating_mentor)
    assert code(refused) == (403, "hearer_refused")
    assert MENTOR.member not in await choices(service, mentorship)
    assert code(await ask(service, mentorship)) == (409, "hearer_not_available")
