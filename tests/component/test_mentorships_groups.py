"""Mentoring groups over HTTP: opened, signed by all, met on the same meetings, left, exported and erased."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import icalendar
import pytest

from deploy.issuer import LocalIssuer
from services.mentorships.groups import domain
from services.mentorships.groups.repository import MongoGroups
from services.mentorships.kernel.due import DueWorker
from shared.contracts.matching import RelationshipClosed
from shared.contracts.payload import Recipient
from tests.component.mentorships_kit import (
    MENTEE,
    MENTOR,
    NORTH,
    PROGRAMME,
    MentorshipsService,
    about,
    erase,
    serving,
)

ZOE, TOM = (Recipient(member=name, institution=NORTH) for name in ("zoe", "tom"))
STRANGER = Recipient(member="sue", institution=NORTH)
TERMS, PLACE = "What is said here stays here.", "Library café"
GROUPS = f"/programmes/{PROGRAMME}/groups"


@pytest.fixture
async def service(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[MentorshipsService]:
    async with serving(mongo_uri, kafka_bootstrap, issuer, "api") as running:
        for person in (MENTEE, MENTOR, ZOE, TOM, STRANGER):
            await running.knows(person)
        await running.knows_programme()
        yield running


async def opened(service: MentorshipsService, *mentees: Recipient) -> tuple[str, list[str]]:
    mentorships = [await service.active(mentee, MENTOR) for mentee in mentees]
    answer = await service.post(MENTOR, GROUPS, {"mentorships": mentorships, "terms": TERMS})
    assert answer.status_code == 201, answer.text
    return f"/groups/{answer.json()['id']}", mentorships


async def agreed(service: MentorshipsService, *mentees: Recipient) -> tuple[str, list[str]]:
    at, mentorships = await opened(service, *mentees)
    for mentee in mentees:
        answer = await service.post(mentee, f"{at}/terms/1/sign")
        assert answer.status_code == 200, answer.text
    return at, mentorships


def plan(service: MentorshipsService) -> dict[str, Any]:
    starts = f"{service.clock.now() + timedelta(days=2):%Y-%m-%dT%H:%M}"
    return {"starts": starts, "zone": "UTC", "minutes": 60, "rule": "FREQ=WEEKLY", "place": PLACE}


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:preceptor:problem:")


async def test_a_group_signs_meets_once_for_all_and_reads_one_calendar(service: MentorshipsService) -> None:
    at, mentorships = await agreed(service, MENTEE, ZOE)
    assert (await service.get(ZOE, at)).json()["state"] == "active"
    planned = await service.put(MENTOR, f"{at}/meetings", plan(service))
    assert planned.status_code == 200, planned.text
    first = planned.json()["meetings"][0]
    for text in (
        (await service.get(ZOE, f"{at}/calendar.ics")).content,
        (await service.http.get((await service.post(MENTEE, "/me/calendar")).json()["path"])).content,
    ):
        [event] = icalendar.Calendar.from_ical(text).walk("VEVENT")
        assert (str(event["summary"]), str(event["location"])) == ("Mentoring group: Ada", PLACE)
    service.clock.ahead += timedelta(days=1, hours=12)
    await DueWorker(MongoGroups(service.database, service.clock), domain.pass_time, service.clock).work()
    service.clock.ahead += timedelta(days=1, hours=12)
    held = [await service.post(person, f"{at}/meetings/{first['id']}/held") for person in (ZOE, MENTOR)]
    assert [answer.status_code for answer in held] == [200, 200]
    for mentorship in mentorships:
        assert (await service.get(MENTOR, f"/mentorships/{mentorship}")).json()["last_met_at"] == first["starts_at"]
    published = [type for type in await service.published() if type.startswith("group.")]
    assert published == [
        "group.opened",
        *["group.changed"] * 2,
        "group.reminded",
        "group.met",
    ]
    written = str([row async for row in service.database["outbox"].find({})])
    assert TERMS not in written
    assert PLACE not in written


async def test_a_mentorship_that_ends_leaves_its_group_and_a_group_of_one_ends(service: MentorshipsService) -> None:
    at, mentorships = await agreed(service, MENTEE, ZOE, TOM)
    closed = {"reason": "moved_on", "recipients": ()}
    await service.hears(RelationshipClosed(**closed, **about(mentorships[2], mentee=TOM)))
    assert (await service.get(TOM, at)).status_code == 404
    left = (await service.get(MENTOR, at)).json()
    assert (left["state"], [person["member"] for person in left["mentees"]]) == ("active", ["mia", "zoe"])
    answer = (await service.post(ZOE, f"{at}/leave")).json()
    assert (answer["state"], answer["reason"]) == ("ended", "too_few")
    assert (await service.get(ZOE, f"/mentorships/{mentorships[1]}")).json()["state"] == "active"


async def test_the_mentor_takes_out_a_mentee_who_does_not_sign(service: MentorshipsService) -> None:
    at, mentorships = await opened(service, MENTEE, ZOE, TOM)
    for mentee in (MENTEE, ZOE):
        await service.post(mentee, f"{at}/terms/1/sign")

    async def take_out(who: Recipient, mentee: Recipient) -> httpx.Response:
        return await service.http.delete(f"{at}/mentees/{mentee.member}", headers=service.headers(who))

    assert code(await take_out(ZOE, TOM)) == (403, "group_mentor_only")
    assert code(await take_out(STRANGER, TOM)) == (404, "group_not_found")
    for _ in range(2):
        assert (await take_out(MENTOR, TOM)).json()["state"] == "active"
    assert code(await take_out(MENTOR, ZOE)) == (409, "group_too_small")
    assert (await service.get(TOM, at)).status_code == 404
    assert (await service.get(TOM, f"/mentorships/{mentorships[2]}")).json()["state"] == "active"
    assert (await service.published()).count("group.mentee_removed") == 1


async def test_only_people_in_it_see_a_group_and_only_its_mentor_changes_it(service: MentorshipsService) -> None:
    at, mentorships = await opened(service, MENTEE, ZOE)
    assert (await service.get(STRANGER, at)).status_code == 404
    assert (await service.post(STRANGER, f"{at}/terms/1/sign")).status_code == 404
    assert code(await service.put(ZOE, f"{at}/terms", {"terms": "Mine."})) == (403, "group_mentor_only")
    assert code(await service.put(MENTOR, f"{at}/meetings", plan(service))) == (409, "group_forming")
    body = {"mentorships": mentorships, "terms": TERMS}
    assert code(await service.post(MENTOR, GROUPS, body)) == (409, "mentorship_in_group")
    assert code(await service.post(MENTEE, GROUPS, body)) == (404, "mentorship_not_found")
    seen = (await service.get(ZOE, at)).json()
    assert [person.get("name") for person in seen["mentees"]] == [None, "Zoe"]
    stale = await service.put(MENTOR, f"{at}/terms", {"terms": "Newer."}, **{"If-Match": '"9"'})
    assert stale.status_code == 412
    assert (await service.put(MENTOR, f"{at}/terms", {"terms": "Newer."})).json()["terms"]["number"] == 2
    assert code(await service.post(ZOE, f"{at}/terms/1/sign")) == (409, "group_terms_replaced")


async def test_an_erased_mentors_words_are_deleted_and_their_own_are_exported(service: MentorshipsService) -> None:
    at, _ = await agreed(service, MENTEE, ZOE)
    await service.put(MENTOR, f"{at}/meetings", plan(service))
    [mine] = (await service.get(MENTOR, "/me/export")).json()["groups"]
    [theirs] = (await service.get(ZOE, "/me/export")).json()["groups"]
    assert (mine["terms"]["text"], mine["plan"]["place"], "terms" in theirs) == (TERMS, PLACE, False)
    await erase(service, MENTOR)
    stored = str([group async for group in service.database["groups"].find({})])
    assert TERMS not in stored
    assert PLACE not in stored
