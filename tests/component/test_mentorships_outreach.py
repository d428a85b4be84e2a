"""Outreach visits over HTTP: planned, changed, held and noted by their visitor alone, exported and erased."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from deploy.issuer import LocalIssuer
from services.mentorships.kernel.due import DueWorker
from services.mentorships.outreach import domain
from services.mentorships.outreach.repository import MongoVisits
from tests.component.mentorships_kit import MENTEE, MENTOR, MentorshipsService, erase, serving

CONTACT, SCHOOL, NOTE, KIT = "Ms Host, 030 1234", "North School", "They would like a second one.", "https://kit.example"


@pytest.fixture
async def service(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[MentorshipsService]:
    async with serving(mongo_uri, kafka_bootstrap, issuer, "api") as running:
        for person in (MENTEE, MENTOR):
            await running.knows(person)
        yield running


def plan(service: MentorshipsService, *, days: int = 10, **changed: Any) -> dict[str, Any]:
    starts = f"{service.clock.now() + timedelta(days=days):%Y-%m-%dT10:00}"
    fields = {"starts": starts, "zone": "UTC", "minutes": 90, "school": SCHOOL, "contact": CONTACT, "kit": KIT}
    return fields | changed


async def planned(service: MentorshipsService) -> str:
    answer = await service.post(MENTOR, "/me/outreach-visits", plan(service))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def pass_time(service: MentorshipsService) -> None:
    visits = MongoVisits(service.database, service.clock)
    await DueWorker(visits, domain.pass_time, service.clock).work()


async def test_a_visit_is_planned_changed_held_and_noted_by_its_visitor(service: MentorshipsService) -> None:
    id = await planned(service)
    at = f"/outreach-visits/{id}"
    seen = await service.get(MENTOR, at)
    items = [{**item, "is_done": True} for item in seen.json()["checklist"]]
    ticked = await service.put(MENTOR, f"{at}/checklist", {"items": items}, **{"If-Match": seen.headers["etag"]})
    assert all(item["is_done"] for item in ticked.json()["checklist"])
    stale = await service.put(MENTOR, at, plan(service, days=11), **{"If-Match": seen.headers["etag"]})
    assert stale.status_code == 412
    assert (await service.put(MENTOR, at, plan(service, days=11))).status_code == 200
    early = await service.post(MENTOR, f"{at}/held", {"pupils": 24})
    assert (early.status_code, early.json()["type"]) == (409, "urn:preceptor:problem:visit_not_begun")
    service.clock.ahead += timedelta(days=9, hours=12)
    await pass_time(service)
    service.clock.ahead += timedelta(days=3)
    held = await service.post(MENTOR, f"{at}/held", {"pupils": 24})
    assert (held.json()["state"], held.json()["pupils"]) == ("held", 24)
    assert (await service.put(MENTOR, f"{at}/note", {"note": NOTE})).json()["note"] == NOTE
    assert await service.published() == ["visit.planned", "visit.planned", "visit.reminded", "visit.held"]
    written = str([row async for row in service.database["outbox"].find({})])
    assert not any(text in written for text in (CONTACT, SCHOOL, NOTE, KIT))
    service.clock.ahead += timedelta(days=366)
    await pass_time(service)
    kept = (await service.get(MENTOR, at)).json()
    assert (kept["contact"], kept["school"]) == ("", SCHOOL)


async def test_only_its_visitor_reads_or_changes_a_visit(service: MentorshipsService) -> None:
    at = f"/outreach-visits/{await planned(service)}"
    answers = [
        await service.get(MENTEE, at),
        await service.put(MENTEE, at, plan(service)),
        await service.put(MENTEE, f"{at}/checklist", {"items": []}),
        await service.put(MENTEE, f"{at}/note", {"note": ""}),
        await service.post(MENTEE, f"{at}/cancel"),
        await service.post(MENTEE, f"{at}/held", {"pupils": 1}),
    ]
    assert [answer.status_code for answer in answers] == [404] * 6
    assert not any(CONTACT in answer.text for answer in answers)
    assert (await service.get(MENTEE, "/me/outreach-visits")).json()["items"] == []


async def test_a_visit_is_refused_at_its_field_and_without_its_texts(service: MentorshipsService) -> None:
    wrong: list[tuple[str, Any]] = [
        ("starts", "2020-01-01T10:00"),
        ("zone", "Mars/Olympus"),
        ("kit", "javascript:alert(1)"),
        ("minutes", 5),
        ("school", ""),
        ("contact", "x" * 501),
    ]
    for field, value in wrong:
        answer = await service.post(MENTOR, "/me/outreach-visits", plan(service, **{field: value}))
        assert answer.status_code == 422, field
        assert [error["field"].rpartition(".")[2] for error in answer.json()["errors"]] == [field]
        assert CONTACT not in answer.text


async def test_visits_are_in_the_export_and_forgotten_on_erasure(service: MentorshipsService) -> None:
    id = await planned(service)
    [exported] = (await service.get(MENTOR, "/me/export")).json()["outreach_visits"]
    assert (exported["id"], exported["plan"]["contact"]) == (id, CONTACT)
    await erase(service, MENTOR)
    assert await service.database["outreach_visits"].count_documents({}) == 0
    assert CONTACT not in str([document async for document in service.database["outbox"].find({})])
