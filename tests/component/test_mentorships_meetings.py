"""Meetings of a mentorship over HTTP: propose, agree, calendar file, held, and what a pause or an end does to them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import icalendar
import pytest
import recurring_ical_events

from deploy.issuer import LocalIssuer
from services.mentorships.calendars.repository import MongoCalendars
from services.mentorships.calendars.usecases import CalendarAddress
from services.mentorships.guides.repository import MongoGuides
from services.mentorships.kernel.due import DueWorker
from services.mentorships.meetings.domain import series as domain
from services.mentorships.meetings.repository import MongoSeries, forget
from services.mentorships.messages.repository import MongoMessages
from shared import mongo
from shared.contracts.matching import RelationshipClosed, RelationshipPaused, RelationshipResumed
from shared.contracts.payload import Recipient
from shared.errors import Conflict
from tests.component.mentorships_kit import MENTEE, MENTOR, NORTH, PROGRAMME, SOUTH, MentorshipsService, about, serving

STRANGER = Recipient(member="sue", institution=SOUTH)
ZONE = "Europe/Berlin"
PLACE = "Behind the oak door"


@pytest.fixture
async def service(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[MentorshipsService]:
    async with serving(mongo_uri, kafka_bootstrap, issuer, "api") as running:
        await running.knows(MENTEE, time_zone="Asia/Kolkata")
        await running.knows(MENTOR, time_zone=ZONE)
        await running.knows(STRANGER)
        await running.knows_programme()
        yield running


def first_friday(service: MentorshipsService, **changed: Any) -> dict[str, Any]:
    """A plan for the first Friday of each month, from next month on."""
    month = (service.clock.now().replace(day=1) + timedelta(days=32)).replace(day=1)
    first = month + timedelta(days=(4 - month.weekday()) % 7)
    plan = {"starts": first.strftime("%Y-%m-%dT17:00"), "zone": ZONE, "minutes": 45, "rule": "FREQ=MONTHLY;BYDAY=1FR"}
    return plan | {"place": PLACE} | changed


async def proposed(service: MentorshipsService, mentorship: str, **changed: Any) -> dict[str, Any]:
    answer = await service.post(MENTEE, f"/mentorships/{mentorship}/meetings", first_friday(service, **changed))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def agree(service: MentorshipsService, person: Recipient, series: str) -> httpx.Response:
    path = f"/meetings/{series}"
    tag = (await service.get(person, path)).headers["etag"]
    return await service.http.post(f"{path}/agree", headers=service.headers(person) | {"If-Match": tag})


async def agreed(service: MentorshipsService, mentorship: str, **changed: Any) -> dict[str, Any]:
    answer = await agree(service, MENTOR, (await proposed(service, mentorship, **changed))["id"])
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def calendar(service: MentorshipsService, series: str) -> icalendar.Calendar:
    answer = await service.get(MENTEE, f"/meetings/{series}/calendar.ics")
    assert answer.headers["content-type"].startswith("text/calendar")
    found = icalendar.Calendar.from_ical(answer.content)
    assert isinstance(found, icalendar.Calendar)
    return found


async def pass_time(service: MentorshipsService, ahead: timedelta = timedelta()) -> None:
    service.clock.ahead += ahead
    series = MongoSeries(service.database, service.clock)
    for _ in range(8):
        await DueWorker(series, domain.pass_time, service.clock).work()


async def pass_to(service: MentorshipsService, moment: str, after: timedelta) -> None:
    await pass_time(service, datetime.fromisoformat(moment) + after - service.clock.now())


async def test_a_first_friday_series_is_proposed_agreed_in_the_calendar_and_held(service: MentorshipsService) -> None:
    mentorship = await service.opened()
    series = await proposed(service, mentorship)
    assert (series["state"], series["proposal"]["by"]) == ("proposed", "mentee")
    own = await agree(service, MENTEE, series["id"])
    assert (own.status_code, own.json()["type"]) == (409, "urn:preceptor:problem:own_proposal")
    agreed = (await agree(service, MENTOR, series["id"])).json()
    first = agreed["coming"][0]
    assert (agreed["state"], first["local_starts"], first["id"]) == (
        "agreed",
        first["id"],
        series["proposal"]["plan"]["starts"],
    )

    event = next(recurring_ical_events.of(await calendar(service, series["id"])).after(service.clock.now()))
    assert event["dtstart"].dt.astimezone(UTC) == datetime.fromisoformat(first["starts_at"])

    early = await service.post(MENTEE, f"/meetings/{series['id']}/occurrences/{first['id']}/held")
    assert (early.status_code, early.json()["type"]) == (409, "urn:preceptor:problem:meeting_not_begun")
    service.clock.ahead += datetime.fromisoformat(first["starts_at"]) - service.clock.now() + timedelta(hours=1)
    for person in (MENTEE, MENTOR):
        held = await service.post(person, f"/meetings/{series['id']}/occurrences/{first['id']}/held")
        assert held.status_code == 200, held.text
    seen = (await service.get(MENTOR, f"/mentorships/{mentorship}")).json()
    assert seen["last_met_at"] == first["starts_at"]
    assert await service.published() == ["mentorship.began", "meeting.proposed", "meeting.agreed", "meeting.held"]
    assert PLACE not in str(await service.database["outbox"].find({}).to_list(None))


async def test_each_sees_the_meetings_in_their_own_local_time(service: MentorshipsService) -> None:
    series = await agreed(service, await service.opened())
    answer = (await service.get(MENTEE, f"/meetings/{series['id']}")).json()
    first = answer["coming"][0]
    assert first["zone"] == "Asia/Kolkata"
    assert first["local_starts"][-5:] in ("20:30", "21:30")
    assert first["id"].endswith("17:00")


async def test_strangers_and_coordinators_find_no_meetings(service: MentorshipsService) -> None:
    mentorship = await service.opened()
    series = await agreed(service, mentorship)
    coordinator = Recipient(member="cora", institution=NORTH)
    roles = service.headers(coordinator, roles=["coordinator"], programmes=[PROGRAMME])
    for path in (
        f"/mentorships/{mentorship}/meetings",
        *(f"/meetings/{series['id']}{end}" for end in ("", "/occurrences", "/calendar.ics")),
    ):
        assert (await service.get(STRANGER, path)).status_code == 404
        assert (await service.http.get(path, headers=roles)).status_code in (403, 404)
        assert (await service.get(MENTOR, path)).status_code == 200
    meeting = f"/meetings/{series['id']}/occurrences/{series['coming'][0]['id']}"
    for path in (f"/meetings/{series['id']}/cancel", f"/meetings/{series['id']}/decline", f"{meeting}/held"):
        assert (await service.post(STRANGER, path)).status_code == 404
    assert (
        await service.post(STRANGER, f"/mentorships/{mentorship}/meetings", first_friday(service))
    ).status_code == 404


async def test_of_two_who_edit_at_once_one_is_asked_to_read_again(service: MentorshipsService) -> None:
    series = await proposed(service, await service.opened())
    path = f"/meetings/{series['id']}/proposal"
    answers = await asyncio.gather(
        *(
            service.put(person, path, first_friday(service, minutes=minutes), **{"If-Match": '"1"'})
            for person, minutes in ((MENTEE, 30), (MENTOR, 60))
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    stale = await service.http.post(
        f"/meetings/{series['id']}/agree", headers=service.headers(MENTOR) | {"If-Match": '"1"'}
    )
    assert stale.status_code == 412


async def test_both_record_at_once_and_it_counts_once(service: MentorshipsService) -> None:
    series = await agreed(service, await service.opened())
    first = series["coming"][0]
    service.clock.ahead += datetime.fromisoformat(first["starts_at"]) - service.clock.now() + timedelta(hours=1)
    path = f"/meetings/{series['id']}/occurrences/{first['id']}/held"
    answers = await asyncio.gather(*(service.post(person, path) for person in (MENTEE, MENTOR) * 4))
    assert {answer.status_code for answer in answers} == {200}
    assert (await service.published()).count("meeting.held") == 1


async def test_one_meeting_is_moved_and_one_cancelled_in_calendars_too(service: MentorshipsService) -> None:
    series = await agreed(service, await service.opened())
    first, second, third = series["coming"][:3]
    path = f"/meetings/{series['id']}/occurrences"
    later = (datetime.fromisoformat(first["id"]) + timedelta(days=3)).strftime("%Y-%m-%dT18:00")
    assert (await service.put(MENTOR, f"{path}/{first['id']}", {"starts": later})).status_code == 200
    cancelled = await service.http.delete(f"{path}/{second['id']}", headers=service.headers(MENTEE))
    assert [meeting["id"] for meeting in cancelled.json()["coming"][:2]] == [first["id"], third["id"]]
    assert cancelled.json()["sequence"] == series["sequence"] + 2
    events = recurring_ical_events.of(await calendar(service, series["id"])).after(service.clock.now())
    starts = [next(events)["dtstart"].dt.strftime("%Y-%m-%dT%H:%M") for _ in range(2)]
    assert starts == [later, third["id"]]
    moved_away = await service.put(MENTOR, f"{path}/2031-01-01T17:00", {"starts": later})
    assert moved_away.status_code == 404


async def test_a_changed_plan_holds_only_when_both_agree(service: MentorshipsService) -> None:
    series = await agreed(service, await service.opened())
    path = f"/meetings/{series['id']}"
    tag = (await service.get(MENTOR, path)).headers["etag"]
    await service.put(MENTOR, f"{path}/proposal", first_friday(service, minutes=90), **{"If-Match": tag})
    assert (await service.get(MENTEE, path)).json()["plan"]["minutes"] == 45
    changed = (await agree(service, MENTEE, series["id"])).json()
    assert (changed["plan"]["minutes"], changed["sequence"]) == (90, series["sequence"] + 1)


async def test_a_pause_suspends_the_meetings_and_the_end_cancels_them(service: MentorshipsService) -> None:
    mentorship = await service.opened()
    series = await agreed(service, mentorship)
    states = []
    for event in (
        RelationshipPaused(reason="by_mentee", **about(mentorship)),
        RelationshipResumed(**about(mentorship)),
        RelationshipClosed(reason="goals_reached", **about(mentorship)),
    ):
        await service.hears(event)
        seen = (await service.get(MENTEE, f"/meetings/{series['id']}")).json()
        [shown] = (await calendar(service, series["id"])).walk("VEVENT")
        states.append((seen["state"], str(shown["status"]), int(shown["sequence"]) - series["sequence"]))
    assert states == [("suspended", "CANCELLED", 1), ("agreed", "CONFIRMED", 2), ("cancelled", "CANCELLED", 3)]
    assert (await calendar(service, series["id"]))["method"] == "CANCEL"
    refused = await service.post(MENTEE, f"/mentorships/{mentorship}/meetings", first_friday(service))
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:preceptor:problem:mentorship_ended")


async def test_a_meeting_is_reminded_of_once_and_never_after_its_end(service: MentorshipsService) -> None:
    series = await agreed(service, await service.opened())
    first, second = series["coming"][:2]
    await pass_to(service, first["starts_at"], timedelta(hours=-2))
    await pass_to(service, first["starts_at"], timedelta(hours=-1))
    await pass_to(service, second["starts_at"], timedelta(days=3))
    events = [event for event in await service.published() if event.startswith("meeting.")]
    assert events == ["meeting.proposed", "meeting.agreed", "meeting.reminded", "meeting.unknown"]


async def test_a_meeting_without_an_answer_for_a_week_is_unknown_and_can_be_answered(
    service: MentorshipsService,
) -> None:
    series = await agreed(service, await service.opened())
    first = series["coming"][0]
    path = f"/meetings/{series['id']}/occurrences"
    statuses = []
    for after in (timedelta(hours=2), timedelta(days=8)):
        await pass_to(service, first["starts_at"], after)
        statuses.append((await service.get(MENTEE, path)).json()["items"][0]["status"])
    await service.post(MENTEE, f"{path}/{first['id']}/missed")
    statuses.append((await service.get(MENTOR, path)).json()["items"][0]["status"])
    await service.post(MENTOR, f"{path}/{first['id']}/held")
    statuses.append((await service.get(MENTOR, path)).json()["items"][0]["status"])
    assert statuses == ["unrecorded", "unknown", "missed", "held"]
    again = await service.post(MENTEE, f"{path}/{first['id']}/missed")
    assert (again.status_code, again.json()["type"]) == (409, "urn:preceptor:problem:meeting_held")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"rule": "FREQ=SECONDLY"}, "rule"),
        ({"rule": "FREQ=DAILY;COUNT=1000000000"}, "rule"),
        ({"zone": "Europe/Atlantis"}, "zone"),
        ({"link": "javascript:alert(1)"}, "link"),
        ({"link": "https://user:secret@example.org/"}, "link"),
        ({"starts": "2027-01-01T17:00:00+01:00"}, "starts"),
        ({"place": "here\u202e"}, "place"),
        ({"starts": "0001-01-01T10:00", "rule": ""}, "starts"),
    ],
)
async def test_a_plan_that_cannot_be_used_is_refused_at_its_field(
    service: MentorshipsService, changed: dict[str, Any], field: str
) -> None:
    body = first_friday(service, **changed)
    answer = await service.post(MENTEE, f"/mentorships/{await service.opened()}/meetings", body)
    assert answer.status_code in (400, 422), answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_an_erased_person_leaves_no_place_behind(service: MentorshipsService) -> None:
    series = await agreed(service, await service.opened())
    await mongo.in_transaction(service.database, lambda transaction: forget(transaction, MENTEE.member))
    kept = await service.database["meeting_series"].find_one({"_id": series["id"]})
    assert PLACE not in str(kept)


async def test_no_place_is_stored_of_an_erased_person_and_no_address_or_tick(service: MentorshipsService) -> None:
    mentorship = await service.opened()
    now = service.clock.now()
    await service.database["people"].update_one({"_id": MENTOR.member}, {"$set": {"erased": True}})
    refused = await service.post(MENTEE, f"/mentorships/{mentorship}/meetings", first_friday(service))
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "not_available")
    address = CalendarAddress(
        member=MENTOR.member,
        institution=MENTOR.institution,
        token_hash="h",
        created_at=now,
    )
    guides, messages = MongoGuides(service.database), MongoMessages(service.database, service.clock)
    for begun_before in (
        MongoCalendars(service.database, service.clock).set(address),
        guides.change_ticks(MENTOR.institution, MENTOR.member, "listening", lambda ticks: ticks),
        messages.block(MENTOR.institution, mentorship, side="mentor", is_blocked=True),
    ):
        with pytest.raises(Conflict):
            await begun_before
    for collection in ("calendars", "guide_ticks", "threads", "meeting_series"):
        assert await service.database[collection].count_documents({}) == 0


async def test_a_calendar_is_not_crowded_by_proposing_and_cancelling(service: MentorshipsService) -> None:
    mentorship = await service.opened()
    series = await service.database["meeting_series"].find_one({"_id": (await proposed(service, mentorship))["id"]})
    assert series is not None
    over = {"state": "cancelled", "proposal": None, "due_at": None}
    await service.database["meeting_series"].insert_many([{**series, **over, "_id": f"s{n}"} for n in range(49)])
    refused = await service.post(MENTEE, f"/mentorships/{mentorship}/meetings", first_friday(service))
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "too_many_series")
    for changed in (
        {"changed_at": service.clock.now() - timedelta(days=91)},  # not in calendars any more
        {"state": "agreed"},  # held, and over
    ):
        await service.database["meeting_series"].update_many({"proposal": None}, {"$set": over | changed})
        await proposed(service, mentorship)


async def test_the_same_proposal_sent_again_makes_no_second_series(service: MentorshipsService) -> None:
    mentorship = await service.opened()
    headers, body = service.headers(MENTEE), first_friday(service)
    first = await service.http.post(f"/mentorships/{mentorship}/meetings", json=body, headers=headers)
    await service.database["idempotency"].update_many({}, [{"$set": {"status": None, "at": "$$NOW"}}])
    again = await service.http.post(f"/mentorships/{mentorship}/meetings", json=body, headers=headers)
    assert again.json()["id"] == first.json()["id"], again.text
    assert (await service.published()).count("meeting.proposed") == 1
