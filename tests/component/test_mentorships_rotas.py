"""Rotas over HTTP: meetings that fall into a duty are left out, in calendars too, and come back with the next rota."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from deploy.issuer import LocalIssuer
from services.mentorships.kernel.due import DueWorker
from services.mentorships.rotas import domain
from services.mentorships.rotas.repository import MongoRotas
from shared.contracts.payload import Recipient
from tests.component.mentorships_kit import MENTEE, MENTOR, NORTH, SOUTH, MentorshipsService, erase, serving


@pytest.fixture
async def service(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[MentorshipsService]:
    async with serving(mongo_uri, kafka_bootstrap, issuer, "api") as running:
        for person in (MENTEE, MENTOR):
            await running.knows(person)
        yield running


def day(service: MentorshipsService, days: int) -> str:
    return f"{service.clock.now() + timedelta(days=days):%Y-%m-%d}"


def rota(*lines: str) -> dict[str, str]:
    return {"format": "csv", "zone": "UTC", "content": "\n".join(["starts,ends", *lines, ""])}


async def agreed(service: MentorshipsService) -> str:
    """Every day at 17:00 for three days, from in two days on."""
    plan = {"starts": f"{day(service, 2)}T17:00", "zone": "UTC", "minutes": 30, "rule": "FREQ=DAILY;COUNT=3"}
    series = await service.post(MENTEE, f"/mentorships/{await service.opened()}/meetings", plan)
    id = str(series.json()["id"])
    headers = service.headers(MENTOR) | {"If-Match": '"1"'}
    answer = await service.http.post(f"/meetings/{id}/agree", headers=headers)
    assert answer.status_code == 200, answer.text
    return id


async def seen(service: MentorshipsService, person: Recipient, id: str) -> dict[str, Any]:
    await DueWorker(MongoRotas(service.database, service.clock), domain.pass_time, service.clock).work()
    return dict((await service.get(person, f"/meetings/{id}")).json())


async def as_integrator(service: MentorshipsService, member: Recipient, home: str, body: Any) -> httpx.Response:
    headers = service.headers(Recipient(member="rota", institution=home), roles=["integrator"])
    return await service.http.put(f"/members/{member.member}/rota", json=body, headers=headers)


async def test_meetings_in_a_duty_are_left_out_for_both_and_come_back(service: MentorshipsService) -> None:
    id = await agreed(service)
    night = rota(f"{day(service, 2)}T20:00,{day(service, 3)}T08:00")
    assert (await service.put(MENTOR, "/me/rota", night)).status_code == 204
    for person in (MENTEE, MENTOR):
        series = await seen(service, person, id)
        skipped = {"id": f"{day(service, 3)}T17:00", "side": "mentor", "reason": "after_night"}
        assert series["skipped_by_duty"] == [{**skipped, "instead": f"{day(service, 5)}T17:00"}]
        assert len(series["coming"]) == 2
    calendar = (await service.get(MENTEE, f"/meetings/{id}/calendar.ics")).text
    assert f"EXDATE:{day(service, 3).replace('-', '')}T170000Z" in calendar
    assert (await service.published()).count("meeting.skipped") == 1
    assert (await service.http.delete("/me/rota", headers=service.headers(MENTOR))).status_code == 204
    assert (await seen(service, MENTEE, id))["skipped_by_duty"] == []


async def test_a_plan_that_is_agreed_later_respects_a_rota_of_before(service: MentorshipsService) -> None:
    await service.put(MENTEE, "/me/rota", rota(f"{day(service, 4)}T12:00,{day(service, 4)}T20:00"))
    [skipped] = (await seen(service, MENTOR, await agreed(service)))["skipped_by_duty"]
    assert (skipped["side"], skipped["reason"]) == ("mentee", "shift")


async def test_an_integrator_sets_rotas_of_their_institution_only_and_the_person_alone_reads_them(
    service: MentorshipsService,
) -> None:
    duty = rota(f"{day(service, 1)}T08:00,{day(service, 1)}T16:00")
    assert (await as_integrator(service, MENTOR, SOUTH, duty)).status_code == 204
    assert (await as_integrator(service, MENTOR, NORTH, duty)).status_code == 404
    mine = (await service.get(MENTOR, "/me/rota")).json()
    assert (mine["source"], len(mine["duties"])) == ("integrator", 1)
    assert (await service.get(MENTEE, "/me/rota")).status_code == 404
    [exported] = (await service.get(MENTOR, "/me/export")).json()["rota"]
    assert len(exported["duties"]) == 1
    await erase(service, MENTOR)
    assert await service.database["rotas"].count_documents({}) == 0


async def test_a_rota_of_five_megabytes_or_that_repeats_is_refused_with_a_clear_answer(
    service: MentorshipsService,
) -> None:
    large = await service.put(MENTOR, "/me/rota", rota("x" * 5_000_000))
    assert (large.status_code, large.json()["type"]) == (413, "urn:preceptor:problem:body_too_large")
    event = "BEGIN:VEVENT\r\nDTSTART:20270205T190000Z\r\nRRULE:FREQ=SECONDLY\r\nEND:VEVENT"
    bomb = {"format": "ics", "zone": "UTC", "content": f"BEGIN:VCALENDAR\r\n{event}\r\nEND:VCALENDAR\r\n"}
    refused = await service.put(MENTOR, "/me/rota", bomb)
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:preceptor:problem:rota_invalid")
    assert "without recurrence" in str(refused.json()["errors"])
