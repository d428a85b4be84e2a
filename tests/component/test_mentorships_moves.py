"""A mentorship goes on after one of the two moved to another institution: what goes along, what stays, once only."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from deploy.issuer import LocalIssuer
from services.mentorships.checkins import domain as checkins
from services.mentorships.checkins.repository import MongoCheckIns
from services.mentorships.kernel.due import DueWorker
from shared.contracts.matching import RelationshipClosed, RelationshipOpened, RelationshipPaused
from shared.contracts.payload import Recipient
from tests.component.mentorships_kit import MENTEE, MENTOR, NORTH, PROGRAMME, MentorshipsService, about, erase, serving

EAST = "east"
MIA_AT_EAST = Recipient(member="mia-east", institution=EAST)
MESSAGE = "See you on Friday"


@pytest.fixture
async def service(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[MentorshipsService]:
    async with serving(mongo_uri, kafka_bootstrap, issuer, "api") as running:
        for person in (MENTEE, MENTOR, MIA_AT_EAST):
            await running.knows(person)
        await running.knows_programme()
        yield running


async def moves(service: MentorshipsService, first: str, *, opened_first: bool = True) -> str:
    """The two events of matching, in either order: they come from different partitions."""
    new = f"{first}-east"
    opened = RelationshipOpened(**about(new, mentee=MIA_AT_EAST), continues=first, recipients=(MIA_AT_EAST, MENTOR))
    closed = RelationshipClosed(**about(first), reason="member_moved")
    for event in (opened, closed, opened) if opened_first else (closed, opened, closed):
        await service.hears(event)
    return new


async def filled(service: MentorshipsService) -> str:
    """A mentorship with an agreement, a shared goal, a private one, a message, a block, and weekly meetings."""
    id = await service.active(MENTEE, MENTOR)
    for title, is_shared in (("A paper", True), ("A rest", False)):
        body = {"title": title, "description": "", "shared": is_shared}
        assert (await service.post(MENTEE, f"/mentorships/{id}/goals", body)).status_code == 201
    assert (await service.post(MENTOR, f"/mentorships/{id}/messages", {"text": MESSAGE})).status_code == 201
    starts = (service.clock.now() + timedelta(days=1)).strftime("%Y-%m-%dT17:00")
    plan = {"starts": starts, "zone": "UTC", "minutes": 45, "rule": "FREQ=DAILY;COUNT=9", "place": "Behind the door"}
    series = (await service.post(MENTEE, f"/mentorships/{id}/meetings", plan)).json()["id"]
    tag = (await service.get(MENTOR, f"/meetings/{series}")).headers["etag"]
    await service.http.post(f"/meetings/{series}/agree", headers=service.headers(MENTOR) | {"If-Match": tag})
    return id


@pytest.mark.parametrize("opened_first", [True, False])
async def test_everything_that_belongs_to_the_two_goes_along(
    service: MentorshipsService, *, opened_first: bool
) -> None:
    first = await filled(service)
    signed = (await service.get(MENTEE, f"/mentorships/{first}/agreement")).json()
    began_at = (await service.get(MENTEE, f"/mentorships/{first}")).json()["began_at"]
    service.clock.ahead += timedelta(days=3)

    new = await moves(service, first, opened_first=opened_first)

    seen = (await service.get(MIA_AT_EAST, f"/mentorships/{new}")).json()
    assert (seen["state"], seen["side"], seen["continues"], seen["began_at"]) == ("active", "mentee", first, began_at)
    agreement = (await service.get(MIA_AT_EAST, f"/mentorships/{new}/agreement")).json()
    assert agreement["in_force"] == signed["in_force"]
    assert (await service.get(MIA_AT_EAST, f"/mentorships/{new}/agreement/versions/1")).json()["clauses"]
    goals = (await service.get(MIA_AT_EAST, f"/mentorships/{new}/goals")).json()
    assert {goal["title"] for goal in goals["items"]} == {"A paper", "A rest"}
    shared = (await service.get(MENTOR, f"/mentorships/{new}/goals")).json()
    assert {goal["title"] for goal in shared["items"]} == {"A paper"}
    thread = (await service.get(MIA_AT_EAST, f"/mentorships/{new}/messages")).json()
    assert [message["text"] for message in thread["items"]] == [MESSAGE]
    [series] = (await service.get(MENTOR, f"/mentorships/{new}/meetings")).json()["items"]
    plan, coming = series["plan"], len(series["coming"])
    assert (series["state"], plan["place"], series["unrecorded"]) == ("agreed", "Behind the door", [])
    assert plan["rule"] in ("FREQ=DAILY;COUNT=6", "FREQ=DAILY;COUNT=7"), "of nine, two or three are over"
    assert coming > 0
    assert (await service.post(MIA_AT_EAST, f"/mentorships/{new}/messages", {"text": "Hello"})).status_code == 201


async def test_the_former_institution_keeps_its_own_part(service: MentorshipsService) -> None:
    first = await filled(service)
    new = await moves(service, first)
    seen = (await service.get(MENTEE, f"/mentorships/{first}")).json()
    assert (seen["state"], seen["reason"]) == ("ended", "member_moved")
    assert (await service.get(MENTEE, f"/mentorships/{first}/agreement")).json()["in_force"]
    assert (await service.get(MENTEE, f"/mentorships/{first}/messages")).json()["items"] == []
    [series] = (await service.get(MENTEE, f"/mentorships/{first}/meetings")).json()["items"]
    assert series["state"] == "cancelled"
    assert (await service.get(MENTEE, f"/mentorships/{new}")).status_code == 404
    assert (await service.get(MIA_AT_EAST, f"/mentorships/{first}")).status_code == 404


async def test_each_event_is_published_once_and_notifies_only_of_calendars(service: MentorshipsService) -> None:
    first = await filled(service)
    before = len(await service.published())
    await moves(service, first)
    assert sorted((await service.published())[before:]) == [
        "meeting.agreed",
        "meeting.cancelled",
        "mentorship.began",
        "mentorship.ended",
    ]
    rows = await service.database["outbox"].find({}).sort("_id", 1).to_list(None)
    silent = [
        '"recipients":[]' in row["value"].replace(" ", "")
        for row in rows[before:]
        if "meeting" not in row["headers"]["ce_type"]
    ]
    assert silent == [True, True]


async def test_an_introduction_and_a_pause_go_on_as_they_were(service: MentorshipsService) -> None:
    first = await service.opened()
    await service.hears(RelationshipPaused(**about(first), reason="by_mentee"))
    before = (await service.get(MENTOR, f"/mentorships/{first}")).json()
    after = (await service.get(MENTOR, f"/mentorships/{await moves(service, first)}")).json()
    same = ("state", "introduction_ends_at", "paused_at", "reason")
    assert [after.get(name) for name in same] == [before.get(name) for name in same]


async def test_a_pause_because_the_person_had_left_is_over(service: MentorshipsService) -> None:
    first = await service.active(MENTEE, MENTOR)
    await service.hears(RelationshipPaused(**about(first), reason="mentee_inactive"))
    after = (await service.get(MENTOR, f"/mentorships/{await moves(service, first)}")).json()
    assert (after["state"], after.get("paused_at")) == ("active", None)


async def test_a_check_in_is_asked_once_over_both_institutions(service: MentorshipsService) -> None:
    first = await service.active(MENTEE, MENTOR)
    worker = DueWorker(MongoCheckIns(service.database, service.clock), checkins.pass_time, service.clock)
    service.clock.ahead += timedelta(days=31)
    await worker.work()
    await moves(service, first)
    await worker.work()
    assert (await service.published()).count("check_in.opened") == 1
    service.clock.ahead += timedelta(days=60)
    await worker.work()
    assert (await service.published()).count("check_in.opened") == 2


async def test_an_institution_counts_one_mentorship_and_not_two(service: MentorshipsService) -> None:
    first = await service.active(MENTEE, MENTOR)
    await moves(service, first)
    coordinators = (Recipient(member="carla", institution=name) for name in (NORTH, MENTOR.institution))
    for coordinator in coordinators:
        headers = service.headers(coordinator, roles=("institution_coordinator",))
        numbers = (await service.http.get(f"/programmes/{PROGRAMME}/numbers", headers=headers)).json()
        assert (numbers["began"], numbers["agreed"]) == (1, 1)


async def test_after_an_erasure_no_text_goes_along(service: MentorshipsService) -> None:
    first = await filled(service)
    await erase(service, MENTOR)
    new = await moves(service, first)
    assert (await service.get(MIA_AT_EAST, f"/mentorships/{new}/messages")).json()["items"] == []


async def test_what_this_service_never_knew_begins_as_usual(service: MentorshipsService) -> None:
    new = await moves(service, "unknown")
    assert (await service.get(MENTOR, f"/mentorships/{new}")).json()["state"] == "introduction"
