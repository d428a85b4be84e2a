"""Check-ins over HTTP, from the agreement on: who answers, who reads it, and what coordinators see."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from deploy.issuer import LocalIssuer
from services.mentorships.checkins import domain
from services.mentorships.checkins.repository import MongoCheckIns
from services.mentorships.kernel.due import DueWorker
from services.mentorships.lifecycle import domain as lifecycle
from shared.contracts.envelope import Trace
from shared.contracts.matching import RelationshipClosed, RelationshipPaused, RelationshipResumed
from shared.contracts.payload import Recipient
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

ANSWER: dict[str, Any] = {"ratings": [5, 4, 4, 5, 3], "comment": "We laugh a lot.", "joint": False}
STRANGER = Recipient(member="sue", institution=SOUTH)


@pytest.fixture
async def service(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[MentorshipsService]:
    async with serving(mongo_uri, kafka_bootstrap, issuer, "api") as running:
        for person in (MENTEE, MENTOR, STRANGER):
            await running.knows(person)
        await running.knows_programme()
        yield running


async def agreed(service: MentorshipsService, *, mentee: Recipient = MENTEE) -> str:
    id = await service.opened(mentee=mentee)
    now = service.clock.now()
    await service.mentorships.change(
        SOUTH,
        id,
        lambda known: lifecycle.agree(known, ends_at=None, interval_days=30, now=now),
        Trace(correlation_id="test"),
    )
    return id


async def pass_time(service: MentorshipsService, *, days: int) -> None:
    service.clock.ahead += timedelta(days=days)
    await DueWorker(MongoCheckIns(service.database, service.clock), domain.pass_time, service.clock).work()


async def periods(service: MentorshipsService, id: str) -> list[str]:
    seen = (await service.get(MENTEE, f"/mentorships/{id}/check-ins")).json()
    return [item["period"] for item in seen["items"]]


async def test_the_first_opens_30_days_after_the_agreement_and_not_during_a_pause(service: MentorshipsService) -> None:
    id = await agreed(service)
    assert await periods(service, id) == []
    await service.hears(RelationshipPaused(reason="by_mentee", **about(id)))
    await pass_time(service, days=40)
    assert await periods(service, id) == []
    await service.hears(RelationshipResumed(**about(id)))
    await pass_time(service, days=30)
    assert await periods(service, id) == ["day_30"]
    await service.hears(RelationshipClosed(reason="goals_reached", **about(id)))
    assert await periods(service, id) == ["day_30", "end"]


async def test_an_answer_is_read_by_its_author_and_by_the_other_only_if_joint(service: MentorshipsService) -> None:
    id = await agreed(service)
    await pass_time(service, days=30)
    path = f"/mentorships/{id}/check-ins"
    answered = await service.put(MENTEE, f"{path}/day_30", ANSWER)
    assert answered.status_code == 200, answered.text
    assert answered.json()["items"][0]["own"]["comment"] == ANSWER["comment"]
    assert "other" not in (await service.get(MENTOR, path)).json()["items"][0]
    await service.put(MENTEE, f"{path}/day_30", ANSWER | {"joint": True})
    assert (await service.get(MENTOR, path)).json()["items"][0]["other"]["ratings"] == ANSWER["ratings"]
    assert (await service.get(STRANGER, path)).status_code == 404
    assert (await service.put(STRANGER, f"{path}/day_30", ANSWER)).status_code == 404
    assert (await service.put(MENTEE, f"{path}/day_90", ANSWER)).status_code == 404
    coordinator = service.headers(Recipient(member="cora", institution=NORTH), roles=["institution_coordinator"])
    assert (await service.http.get(path, headers=coordinator)).status_code == 403
    values = " ".join(row["value"] for row in await service.database["outbox"].find({}).to_list(None))
    assert "laugh" not in values


async def test_a_coordinator_sees_means_of_their_own_members_from_five_answers_on(service: MentorshipsService) -> None:
    mentees = [Recipient(member=f"mia{number}", institution=NORTH) for number in range(5)]
    ids = []
    for mentee in mentees:
        await service.knows(mentee)
        ids.append(await agreed(service, mentee=mentee))
    await pass_time(service, days=30)
    headers = service.headers(Recipient(member="cora", institution=NORTH), roles=["institution_coordinator"])
    path = f"/programmes/{PROGRAMME}/check-ins"
    for number, (mentee, id) in enumerate(zip(mentees, ids, strict=True)):
        assert (await service.http.get(path, headers=headers)).json() == {"items": []}, number
        await service.put(mentee, f"/mentorships/{id}/check-ins/day_30", ANSWER)
        await service.put(MENTOR, f"/mentorships/{id}/check-ins/day_30", ANSWER | {"ratings": [1, 1, 1, 1, 1]})
    items = (await service.http.get(path, headers=headers)).json()["items"]
    assert [(item["by"], item["statement"], item["mean"]) for item in items] == [
        ("mentee", statement, mean)
        for statement, mean in zip(domain.STATEMENTS["mentee"], (5, 4, 4, 5, 3), strict=True)
    ]


@pytest.mark.parametrize(
    "change", [{"ratings": [5, 4]}, {"ratings": [6, 1, 1, 1, 1]}, {"ratings": [True, 1, 1, 1, 1]}, {"comment": "a\0b"}]
)
async def test_bad_answers_are_refused(service: MentorshipsService, change: dict[str, Any]) -> None:
    id = await agreed(service)
    await pass_time(service, days=30)
    refused = await service.put(MENTEE, f"/mentorships/{id}/check-ins/day_30", ANSWER | change)
    assert refused.status_code == 422
