"""A mentorship over HTTP and through matching's events: introduction, pause with a return date, silence, end."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from deploy.issuer import LocalIssuer
from services.mentorships.kernel.due import DueWorker
from services.mentorships.lifecycle import domain
from shared.contracts.matching import RelationshipClosed, RelationshipOpened, RelationshipPaused, RelationshipResumed
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

STRANGER = Recipient(member="sue", institution=SOUTH)


@pytest.fixture
async def service(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[MentorshipsService]:
    async with serving(mongo_uri, kafka_bootstrap, issuer, "api") as running:
        for person in (MENTEE, MENTOR, STRANGER):
            await running.knows(person)
        await running.knows_programme()
        yield running


async def pass_time(service: MentorshipsService, **ahead: int) -> None:
    service.clock.ahead += timedelta(**ahead)
    await DueWorker(service.mentorships, domain.pass_time, service.clock).work()


async def test_an_opened_relationship_is_an_introduction_that_only_the_two_see(
    service: MentorshipsService,
) -> None:
    id = await service.opened()
    for person in (MENTEE, MENTOR):
        seen = (await service.get(person, f"/mentorships/{id}")).json()
        assert (seen["state"], seen["mentee"]["member"]) == ("introduction", "mia")
        assert [item["id"] for item in (await service.get(person, "/me/mentorships")).json()["items"]] == [id]
    assert (await service.get(STRANGER, f"/mentorships/{id}")).status_code == 404
    assert (await service.post(STRANGER, f"/mentorships/{id}/leave")).status_code == 404
    assert await service.published() == ["mentorship.began"]


async def test_the_same_event_again_begins_nothing_twice(service: MentorshipsService) -> None:
    id = await service.opened()
    await service.post(MENTEE, f"/mentorships/{id}/leave")
    known = await service.database["mentorships"].find_one({"_id": id})
    await service.hears(RelationshipOpened(**about(id)))
    assert await service.database["mentorships"].find_one({"_id": id}) == known


async def test_either_leaves_an_introduction_once(service: MentorshipsService) -> None:
    id = await service.opened()
    left = await service.post(MENTOR, f"/mentorships/{id}/leave")
    assert (left.status_code, left.json()["state"], left.json()["reason"]) == (200, "ended", "introduction_left")
    again = await service.post(MENTEE, f"/mentorships/{id}/leave")
    assert (again.status_code, again.json()["type"]) == (409, "urn:preceptor:problem:mentorship_ended")
    assert await service.published() == ["mentorship.began", "mentorship.ended"]


async def test_a_pause_with_a_return_date_wakes_at_the_beginning_of_that_day_where_the_person_lives(
    service: MentorshipsService,
) -> None:
    await service.knows(MENTEE, time_zone="Pacific/Auckland")
    id = await service.opened()
    await service.hears(RelationshipPaused(reason="by_mentee", **about(id)))
    for day in ("0001-01-01", "9999-12-31"):
        refused = await service.put(MENTEE, f"/mentorships/{id}/return", {"returns_on": day})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "returns_on")
    day = (service.clock.now() + timedelta(days=20)).date()
    planned = await service.put(MENTEE, f"/mentorships/{id}/return", {"returns_on": day.isoformat()})
    assert planned.status_code == 200, planned.text
    assert planned.json()["state"] == "introduction_paused"
    await pass_time(service, days=21)
    assert (await service.published())[-1] == "mentorship.return_due"
    await service.hears(RelationshipResumed(**about(id)))
    resumed = (await service.get(MENTOR, f"/mentorships/{id}")).json()
    assert resumed["state"] == "introduction"
    assert "returns_at" not in resumed


async def test_an_introduction_without_an_agreement_is_over_after_its_time_and_a_notice(
    service: MentorshipsService,
) -> None:
    id = await service.opened()
    await pass_time(service, days=24)
    await pass_time(service, days=7)
    await pass_time(service, days=30)
    seen = (await service.get(MENTEE, f"/mentorships/{id}")).json()
    assert (seen["state"], seen["reason"]) == ("ended", "introduction_over")
    assert await service.published() == ["mentorship.began", "mentorship.introduction_ending", "mentorship.ended"]


async def test_a_closed_relationship_ends_the_mentorship_with_its_reason(service: MentorshipsService) -> None:
    id = await service.opened()
    await service.hears(RelationshipClosed(reason="goals_reached", recipients=(MENTEE,), **about(id)))
    assert (await service.get(MENTOR, f"/mentorships/{id}")).json()["reason"] == "goals_reached"
    [event] = await service.database["outbox"].find({"headers.ce_type": {"$regex": "ended"}}).to_list(None)
    assert '"recipients":[{"member":"ada","institution":"south"}]' in event["value"]


async def test_a_programme_sets_the_length_of_introductions(service: MentorshipsService) -> None:
    coordinator = Recipient(member="cora", institution=NORTH)
    path = f"/programmes/{PROGRAMME}/mentoring-policy"
    headers = service.headers(coordinator, roles=["institution_coordinator"])
    assert (await service.http.get(path, headers=headers)).json()["introduction_days"] == 30
    changed = await service.http.put(path, json={"introduction_days": 0}, headers=headers | {"If-Match": '"0"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"1"')
    stale = await service.http.put(path, json={"introduction_days": 9}, headers=headers | {"If-Match": '"0"'})
    assert stale.status_code == 412
    foreign = service.headers(Recipient(member="con", institution=SOUTH), roles=["institution_coordinator"])
    refused = await service.http.put(path, json={"introduction_days": 9}, headers=foreign | {"If-Match": '"1"'})
    assert refused.status_code == 403
    id = await service.opened()
    assert (await service.get(MENTEE, f"/mentorships/{id}")).json()["state"] == "active"


async def test_a_coordinator_sees_the_mentorships_of_their_programme_and_no_other(service: MentorshipsService) -> None:
    id = await service.opened()
    coordinator = Recipient(member="cora", institution=NORTH)
    own = service.headers(coordinator, roles=["coordinator"], programmes=[PROGRAMME])
    page = await service.http.get(f"/programmes/{PROGRAMME}/mentorships", headers=own)
    assert [item["id"] for item in page.json()["items"]] == [id]
    other = service.headers(coordinator, roles=["coordinator"], programmes=["fellowship"])
    assert (await service.http.get(f"/programmes/{PROGRAMME}/mentorships", headers=other)).status_code == 403
    assert (await service.http.get(f"/mentorships/{id}", headers=other)).status_code == 404
    assert (await service.http.get(f"/mentorships/{id}", headers=own)).status_code == 200
    met = {"last_met_at": datetime(2027, 1, 4, 17, 30, tzinfo=UTC)}
    await service.database["mentorships"].update_one({"_id": id}, {"$set": met})
    assert (await service.get(MENTEE, f"/mentorships/{id}")).json()["last_met_at"] == "2027-01-04T17:30:00Z"
    assert (await service.http.get(f"/mentorships/{id}", headers=own)).json()["last_met_at"] == "2027-01-04T00:00:00Z"
    page = await service.http.get(f"/programmes/{PROGRAMME}/mentorships", headers=own)
    assert page.json()["items"][0]["last_met_at"] == "2027-01-04T00:00:00Z"
