"""Flash slots over HTTP: offered, booked by one of many, held, and seen by the two people alone."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from deploy.issuer import LocalIssuer
from services.mentorships.flash import domain
from services.mentorships.flash.repository import MongoFlashSlots
from services.mentorships.kernel.due import DueWorker
from services.mentorships.projections.repository import MongoProjections
from shared.contracts.matching import AssessmentChanged
from shared.contracts.payload import Recipient
from tests.component.mentorships_kit import MENTEE, MENTOR, NORTH, PROGRAMME, MentorshipsService, erase, serving

ZOE = Recipient(member="zoe", institution=NORTH)
OUTSIDER = Recipient(member="olga", institution="east")
OFFERS = f"/programmes/{PROGRAMME}/flash-slots"
QUESTION, LINK = "Which journal?", "https://call.example/ada"


@pytest.fixture
async def service(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[MentorshipsService]:
    async with serving(mongo_uri, kafka_bootstrap, issuer, "api") as running:
        for person in (MENTEE, MENTOR, ZOE, OUTSIDER):
            await running.knows(person)
        await running.knows_programme()
        yield running


async def offered(service: MentorshipsService, *, by: Recipient = MENTOR, hours: int = 1) -> list[dict[str, Any]]:
    starts = (service.clock.now() + timedelta(days=2)).replace(minute=0)
    window = {"starts": f"{starts:%Y-%m-%dT%H:%M}", "ends": f"{starts + timedelta(hours=hours):%Y-%m-%dT%H:%M}"}
    body = {**window, "zone": "UTC", "minutes": 30, "topic": "Abstracts", "link": LINK}
    answer = await service.post(by, OFFERS, body)
    assert answer.status_code == 201, answer.text
    return list(answer.json()["items"])


async def booked(service: MentorshipsService) -> str:
    id = str((await offered(service))[0]["id"])
    answer = await service.post(MENTEE, f"/flash-slots/{id}/book", {"question": QUESTION})
    assert answer.status_code == 200, answer.text
    return id


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:preceptor:problem:")


async def pass_time(service: MentorshipsService) -> None:
    slots = MongoFlashSlots(service.database, service.clock)
    await DueWorker(slots, domain.pass_time, service.clock).work()


async def test_a_slot_is_offered_booked_held_and_useful(service: MentorshipsService) -> None:
    slots = await offered(service)
    assert len(slots) == 2
    seen = (await service.get(MENTEE, OFFERS)).json()["items"]
    assert [slot["id"] for slot in seen] == [slot["id"] for slot in slots]
    assert seen[0]["possible"] == ["book"]
    assert "name" not in seen[0]["mentor"], "across institutions an open slot has no name"
    id = slots[0]["id"]
    mine = (await service.post(MENTEE, f"/flash-slots/{id}/book", {"question": QUESTION})).json()
    assert (mine["state"], mine["link"], mine["mentor"]["name"]) == ("booked", LINK, "Ada")
    service.clock.ahead += timedelta(days=1, hours=12)
    await pass_time(service)
    service.clock.ahead += timedelta(hours=12)
    assert (await service.post(MENTOR, f"/flash-slots/{id}/outcome/held")).json()["state"] == "held"
    given = await service.put(MENTEE, f"/flash-slots/{id}/feedback", {"useful": 5, "text": "Very clear."})
    assert given.status_code == 200, given.text
    [read] = [slot for slot in (await service.get(MENTOR, "/me/flash-slots")).json()["items"] if slot["id"] == id]
    assert (read["question"], read["feedback"]["text"]) == (QUESTION, "Very clear.")
    assert await service.published() == [
        *["flash.offered"] * 2,
        *("flash.booked", "flash.reminded", "flash.held"),
    ]
    written = str([row async for row in service.database["outbox"].find({})])
    assert not any(text in written for text in (QUESTION, LINK, "Very clear", "Abstracts"))


async def test_of_many_bookings_at_once_one_wins_and_the_others_read_that_it_is_taken(
    service: MentorshipsService,
) -> None:
    people = [Recipient(member=f"mentee-{number}", institution=NORTH) for number in range(200)]
    for person in people:
        await service.knows(person)
    id = (await offered(service))[0]["id"]
    answers = await asyncio.gather(*(service.post(person, f"/flash-slots/{id}/book", {}) for person in people))
    won = [person for person, answer in zip(people, answers, strict=True) if answer.status_code == 200]
    refused = {code(answer) for answer in answers if answer.status_code != 200}
    assert (len(won), refused) == (1, {(409, "slot_taken")})
    assert (await service.published()).count("flash.booked") == 1
    assert (await service.get(won[0], f"/flash-slots/{id}")).json()["side"] == "mentee"


async def test_only_the_two_people_see_a_booked_slot(service: MentorshipsService) -> None:
    id = await booked(service)
    for person in (ZOE, OUTSIDER):
        assert code(await service.get(person, f"/flash-slots/{id}")) == (404, "flash_slot_not_found")
        for command in ("cancel", "outcome/held"):
            assert (await service.post(person, f"/flash-slots/{id}/{command}")).status_code == 404
    assert code(await service.post(ZOE, f"/flash-slots/{id}/book", {})) == (409, "slot_taken")
    assert code(await service.post(OUTSIDER, f"/flash-slots/{id}/book", {})) == (404, "flash_slot_not_found")
    assert code(await service.get(OUTSIDER, OFFERS)) == (404, "programme_not_found")


async def test_a_mentee_cannot_book_a_person_who_assesses_them(service: MentorshipsService) -> None:
    id = (await offered(service))[0]["id"]
    assesses = AssessmentChanged(
        assessment="a", institution=NORTH, assessor=MENTOR.member, assessed=MENTEE.member, counts=True
    )
    await MongoProjections(service.database).fold_assessments([service.received(assesses)])
    assert (await service.get(MENTEE, OFFERS)).json()["items"] == []
    assert code(await service.post(MENTEE, f"/flash-slots/{id}/book", {})) == (409, "not_available")


async def test_only_mentors_of_the_programme_offer_slots(service: MentorshipsService) -> None:
    id = (await offered(service))[0]["id"]
    await service.knows_roles(MENTOR, "mentee")
    starts = service.clock.now() + timedelta(days=9)
    window = {"starts": f"{starts:%Y-%m-%dT08:00}", "ends": f"{starts:%Y-%m-%dT09:00}", "zone": "UTC", "minutes": 30}
    assert code(await service.post(MENTOR, OFFERS, window)) == (403, "mentor_role_required")
    assert (await service.get(MENTEE, OFFERS)).json()["items"] == []
    assert code(await service.post(MENTEE, f"/flash-slots/{id}/book", {})) == (409, "not_available")
    [exported] = (await service.get(MENTOR, "/me/export")).json()["profile"]
    assert exported["mentor_in"] == []
    await service.knows_roles(MENTOR, "mentor")
    assert (await service.post(MENTOR, OFFERS, window)).status_code == 201


async def test_an_old_state_of_an_erased_member_makes_them_no_mentor_again(service: MentorshipsService) -> None:
    await erase(service, MENTOR)
    await service.knows_roles(MENTOR, "mentor")
    assert await MongoProjections(service.database).mentors(PROGRAMME, [MENTOR.member]) == frozenset()


async def test_slots_of_one_person_never_overlap(service: MentorshipsService) -> None:
    await booked(service)
    again = {"starts": f"{service.clock.now() + timedelta(days=2):%Y-%m-%dT%H:00}", "zone": "UTC", "minutes": 20}
    again["ends"] = str(again["starts"])[:-2] + "40"
    assert code(await service.post(MENTOR, OFFERS, again)) == (409, "slots_overlap")
    theirs = (await service.post(ZOE, OFFERS, again)).json()["items"][0]["id"]
    assert code(await service.post(MENTEE, f"/flash-slots/{theirs}/book", {})) == (409, "slots_overlap")


async def test_an_erasure_deletes_what_a_person_wrote_and_the_other_person_is_notified(
    service: MentorshipsService,
) -> None:
    id = await booked(service)
    [exported] = (await service.get(MENTEE, "/me/export")).json()["flash_slots"]
    assert (exported["id"], exported["question"]) == (id, QUESTION)
    await erase(service, MENTEE)
    await pass_time(service)
    slot = (await service.get(MENTOR, f"/flash-slots/{id}")).json()
    assert (slot["state"], slot.get("question")) == ("open", "")
    await erase(service, MENTOR)
    assert await service.database["flash_slots"].count_documents({}) == 0
    assert (await service.published()).count("flash.cancelled") == 1
