"""No query of mentorships reads a whole collection, whatever a person, a clock or an erasure asks for."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from deploy.issuer import LocalIssuer
from services.mentorships.checkins import domain as checkins
from services.mentorships.checkins.repository import MongoCheckIns
from services.mentorships.flash import domain as flash
from services.mentorships.flash.repository import MongoFlashSlots
from services.mentorships.groups import domain as groups
from services.mentorships.groups.repository import MongoGroups
from services.mentorships.kernel.due import DueWorker
from services.mentorships.lifecycle import domain as lifecycle
from services.mentorships.meetings.domain import series as meetings
from services.mentorships.meetings.repository import MongoSeries
from services.mentorships.outreach import domain as outreach
from services.mentorships.outreach.repository import MongoVisits
from services.mentorships.rotas import domain as rotas
from services.mentorships.rotas.repository import MongoRotas
from shared.contracts.matching import RelationshipClosed, RelationshipPaused, RelationshipResumed
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

CORA = Recipient(member="cora", institution=NORTH)


@pytest.fixture
async def service(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[MentorshipsService]:
    async with serving(mongo_uri, kafka_bootstrap, issuer, "api") as running:
        for person in (MENTEE, MENTOR):
            await running.knows(person)
        await running.knows_programme()
        yield running


async def test_every_query_uses_an_index(service: MentorshipsService) -> None:
    await service.database.command("profile", 2)
    id = await service.opened()
    await people_do_everything(service, id)
    await coordinators_read_everything(service, id)
    await time_passes(service)
    await service.hears(RelationshipPaused(reason="by_mentee", **about(id)))
    await service.hears(RelationshipResumed(**about(id)))
    await service.hears(RelationshipClosed(reason="goals_reached", **about(id)))
    await erase(service, MENTEE)
    await service.database.command("profile", 0)
    scans = await service.database["system.profile"].find({"planSummary": {"$regex": "COLLSCAN"}}).to_list(None)
    assert {f"{each['ns'].partition('.')[2]}: {each['command']}" for each in scans} == set()
    seen = await service.database["system.profile"].distinct("ns", {"planSummary": {"$regex": "IXSCAN"}})
    assert len(seen) >= 10


async def people_do_everything(service: MentorshipsService, id: str) -> None:
    of = f"/mentorships/{id}"
    tomorrow = (service.clock.now() + timedelta(days=2)).strftime("%Y-%m-%dT17:00")
    series = await done(service, MENTEE, f"{of}/meetings", {"starts": tomorrow, "zone": "UTC", "minutes": 30})
    await done(service, MENTOR, f"/meetings/{series['id']}/agree", None, **{"If-Match": '"1"'})
    goal = await done(service, MENTEE, f"{of}/goals", {"title": "A paper", "shared": True})
    await done(service, MENTOR, f"/goals/{goal['id']}/comments", {"text": "Yes"})
    message = await done(service, MENTOR, f"{of}/messages", {"text": "Friday?"})
    await done(service, MENTEE, f"/messages/{message['id']}/report", {"reason": "spam"})
    await service.put(MENTEE, f"{of}/messages/block", None)
    await done(service, MENTEE, f"{of}/agreement/draft", {})
    for person in (MENTEE, MENTOR):
        await done(service, person, f"{of}/agreement/versions/1/sign", None)
    await done(service, MENTEE, f"{of}/support", {"hearer": "mentor", "kind": "burnout", "text": "May I talk to you?"})
    address = await done(service, MENTEE, "/me/calendar", None)
    guide = (await service.get(MENTEE, "/guides")).json()["items"][0]["id"]
    await service.put(MENTEE, f"/guides/{guide}/steps/1", None)
    offers = f"/programmes/{PROGRAMME}/flash-slots"
    window = {"starts": tomorrow.replace("17:", "19:"), "ends": tomorrow.replace("17:", "20:")}
    slots = await done(service, MENTOR, offers, {**window, "zone": "UTC", "minutes": 30})
    slot = f"/flash-slots/{slots['items'][0]['id']}"
    await done(service, MENTEE, f"{slot}/book", {"question": "Which journal?"})
    visit = {"starts": tomorrow, "zone": "UTC", "minutes": 30, "school": "North School"}
    visit_id = (await done(service, MENTOR, "/me/outreach-visits", visit))["id"]
    assert (await service.get(MENTOR, f"/outreach-visits/{visit_id}")).status_code == 200
    assert (await service.get(MENTOR, "/me/outreach-visits")).status_code == 200
    other = await service.active(Recipient(member="zoe", institution=MENTEE.institution), MENTOR)
    group = {"mentorships": [id, other], "terms": "Be kind."}
    at = f"/groups/{(await done(service, MENTOR, f'/programmes/{PROGRAMME}/groups', group))['id']}"
    await done(service, MENTEE, f"{at}/terms/1/sign", None)
    duty = f"{tomorrow[:10]}T16:00,{tomorrow[:10]}T23:00"
    rota = {"format": "csv", "zone": "UTC", "content": f"starts,ends\n{duty}\n"}
    await service.put(MENTOR, "/me/rota", rota)
    assert (await service.get(MENTOR, "/me/rota")).status_code == 200
    for path in (
        *(f"{of}{part}" for part in ("", "/meetings", "/goals", "/messages", "/agreement", "/check-ins", "/hearers")),
        *(
            offers,
            slot,
            "/me/flash-slots",
            "/me/mentorships",
            "/me/tasks",
            "/me/export",
            "/me/support",
            "/me/asked",
            "/me/hearers",
            "/guides",
            address["path"],
            f"/meetings/{series['id']}",
            *(at, "/me/groups"),
        ),
    ):
        assert (await service.get(MENTEE, path)).status_code == 200, path


async def coordinators_read_everything(service: MentorshipsService, id: str) -> None:
    headers = service.headers(CORA, roles=["institution_coordinator"])
    parts = (
        "mentorships",
        "numbers",
        "check-ins",
        "message-reports",
        "mentoring-policy",
        "agreement-template",
        "support-numbers",
    )
    own = (f"/mentorships/{id}", "/institution/hearers")
    for path in (*(f"/programmes/{PROGRAMME}/{part}" for part in parts), *own):
        assert (await service.http.get(path, headers=headers)).status_code == 200, path


async def time_passes(service: MentorshipsService) -> None:
    for worker in (
        DueWorker(service.mentorships, lifecycle.pass_time, service.clock),
        DueWorker(MongoCheckIns(service.database, service.clock), checkins.pass_time, service.clock),
        DueWorker(MongoSeries(service.database, service.clock), meetings.pass_time, service.clock),
        DueWorker(MongoRotas(service.database, service.clock), rotas.pass_time, service.clock),
        DueWorker(MongoFlashSlots(service.database, service.clock), flash.pass_time, service.clock),
        DueWorker(MongoVisits(service.database, service.clock), outreach.pass_time, service.clock),
        DueWorker(MongoGroups(service.database, service.clock), groups.pass_time, service.clock),
    ):
        await worker.work()


async def done(service: MentorshipsService, person: Recipient, path: str, body: Any, **headers: str) -> dict[str, Any]:
    answer = await service.http.post(path, json=body, headers=service.headers(person) | headers)
    assert answer.is_success, answer.text
    return dict(answer.json()) if answer.content else {}
