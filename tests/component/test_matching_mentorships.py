"""What matching does about mentorships, through its real consumer code on a real MongoDB: an end frees the seat once,
a planned return resumes.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from deploy.issuer import LocalIssuer
from services.matching.exchange import wiring as exchange
from services.matching.exchange.load.repository import forget
from services.matching.mentoring.domain.departures import Departure
from services.matching.mentoring.handlers import Reactions
from services.matching.mentoring.repository.requests import MongoMentoringRepository
from shared.consuming.parking import Parking
from shared.contracts.dead_letters import MatchingRecordParked
from shared.contracts.meetings import MeetingHeld
from shared.contracts.mentorships import AboutMentorship, MentorshipEnded, MentorshipReturnDue
from shared.contracts.payload import Recipient
from shared.contracts.short_formats import FlashHeld, GroupMet, VisitHeld
from shared.mongo import Document, in_transaction
from tests.component.conftest import Plumbing
from tests.component.consuming import Sent, record
from tests.component.matching_kit import CARE, NORTH, SOUTH, Matching, asking, mentee, programme
from tests.component.test_extreme_values import Unsubscribed
from tests.eventually import eventually

ANA, MARA, BEN = (Recipient(member=name, institution=NORTH) for name in ("ana", "mara", "ben"))


@dataclass(slots=True)
class MatchedPair:
    """Ana and Mara, who has one seat, and the consumer that follows their mentorship."""

    matching: Matching
    plumbing: Plumbing
    consumers: Unsubscribed
    relationship: str
    _received: int = 0

    async def receives(self, event: AboutMentorship | FlashHeld | GroupMet | VisitHeld, **changed: Any) -> None:
        """The next event of mentorships arrives; `changed` is what a test puts in its record's place."""
        self._received += 1
        sent = record(self.plumbing, event, event.tenant, sequence=self._received, **changed)
        await self.consumers.handlers[0]([Sent(offset=self._received, **sent)])

    async def ended(self, reason: str, **changed: Any) -> None:
        await self.receives(MentorshipEnded(reason=reason, **{**self.about, **changed}))

    @property
    def about(self) -> dict[str, Any]:
        return {"mentorship": self.relationship, "programme": CARE, "mentee": ANA, "mentor": MARA}

    async def stored(self) -> Document:
        return await self.matching.database["relationships"].find_one({"_id": self.relationship}) or {}

    async def closings(self) -> list[Any]:
        return [data["recipients"] for _, data in await self.matching.facts("relationship.closed")]

    async def parked(self) -> list[str]:
        return [document["reason"] async for document in self.matching.database["parked"].find()]


@pytest.fixture
async def pair(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, plumbing: Plumbing
) -> AsyncIterator[MatchedPair]:
    async with asking(mongo_uri, kafka_bootstrap, issuer) as matching:
        request = await matching.request_mentor("ana", "mara")
        accepted = await matching.answer_request("mara", request, "accept")
        reactions = Reactions(MongoMentoringRepository(matching.database, plumbing.clock).change_within, plumbing.clock)
        consumers = Unsubscribed(
            plumbing.consumers._broker,
            matching.database,
            service="matching",
            parking=Parking(matching.database, dead_letter=MatchingRecordParked),
            clock=plumbing.clock,
            metrics=plumbing.metrics,
            watchdog=plumbing.watchdog,
        )
        consumers.reaction(
            {
                MentorshipEnded: reactions.on_mentorship_ended,
                MentorshipReturnDue: reactions.on_return_due,
                **exchange.reactions(),
            }
        )
        yield MatchedPair(matching, plumbing, consumers, accepted["relationship"])


async def test_a_left_introduction_frees_the_seat_and_the_two_may_be_suggested_again_at_once(pair: MatchedPair) -> None:
    await pair.matching.until_list("ana", "milo")

    await pair.ended("introduction_left")

    stored = await pair.stored()
    assert (stored["state"], stored["reason"], stored["due_at"]) == ("closed", "introduction_left", None)
    assert await pair.matching.seats() == {}
    assert await pair.closings() == [[]], "the mentorship's event notifies both"
    await pair.matching.until_list("ana", "mara", "milo")
    assert (await pair.matching.send_request("ana", "mara")).status_code == 201


async def test_a_second_end_changes_nothing(pair: MatchedPair) -> None:
    await pair.ended("introduction_left")
    stored = await pair.stored()
    await pair.matching.answer_request("mara", await pair.matching.request_mentor("ben", "mara"), "accept")

    await pair.ended("introduction_left")
    await pair.ended("lapsed")

    assert await pair.stored() == stored
    assert await pair.matching.seats() == {"mara": 1}
    assert (len(await pair.closings()), await pair.parked()) == (1, [])


async def test_the_same_record_received_again_changes_nothing(pair: MatchedPair) -> None:
    event = MentorshipEnded(reason="introduction_left", **pair.about)
    for _ in range(3):
        await pair.receives(event, id="the-same")
    assert (len(await pair.closings()), await pair.parked()) == (1, [])


async def test_an_end_after_the_two_closed_it_changes_nothing(pair: MatchedPair) -> None:
    closed = await pair.matching.post(f"/relationships/{pair.relationship}/close", "ana", reason="goals_reached")
    assert closed.status_code == 200, closed.text
    stored = await pair.stored()

    await pair.ended("goals_reached")

    assert await pair.stored() == stored
    assert (len(await pair.closings()), await pair.parked()) == (1, [])


async def test_the_end_of_an_unknown_relationship_is_ignored(pair: MatchedPair) -> None:
    await pair.ended("lapsed", mentorship="unknown")
    assert ((await pair.stored())["state"], await pair.parked()) == ("active", [])


@pytest.mark.parametrize(
    "changed",
    [
        {"mentee": BEN},
        {"mentor": BEN},
        {"mentor": Recipient(member="mara", institution=SOUTH)},
        {"mentee": Recipient(member="ana", institution=SOUTH)},
        {"programme": "another"},
    ],
    ids=str,
)
async def test_an_event_that_names_another_pair_or_institution_is_parked(
    pair: MatchedPair, changed: dict[str, Any]
) -> None:
    await pair.ended("lapsed", **changed)
    stored = await pair.stored()
    assert (stored["state"], stored["version"]) == ("active", 1)
    assert await pair.matching.seats() == {"mara": 1}
    assert await pair.parked() == ["another_institution"]


@pytest.mark.parametrize(("reason", "days"), [("introduction_over", 0), ("lapsed", 180), ("period_over", 180)])
async def test_the_reason_decides_how_long_the_two_stay_apart(pair: MatchedPair, reason: str, days: int) -> None:
    await pair.ended(reason)
    stored = await pair.stored()
    wait = None if stored["due_at"] is None else stored["due_at"] - stored["closed_at"]
    assert wait == (timedelta(days=days) if days else None)
    await pair.matching.until_list("ana", *(["milo"] if days else ["mara", "milo"]))


async def test_a_programme_sets_how_long_a_lapsed_mentorship_separates(pair: MatchedPair) -> None:
    await pair.matching.receive(programme(separation_days={"lapsed": 7}))
    await pair.ended("lapsed")
    stored = await pair.stored()
    assert stored["due_at"] - stored["closed_at"] == timedelta(days=7)


async def paused(pair: MatchedPair) -> None:
    answer = await pair.matching.post(f"/relationships/{pair.relationship}/pause", "ana")
    assert answer.status_code == 200, answer.text


async def test_a_planned_return_resumes_a_paused_relationship_once(pair: MatchedPair) -> None:
    await paused(pair)
    for _ in range(2):
        await pair.receives(MentorshipReturnDue(**pair.about))
    stored = await pair.stored()
    assert (stored["state"], stored["version"], stored["reason"]) == ("active", 3, None)
    assert await pair.matching.seats() == {"mara": 1}
    assert [data["recipients"] for _, data in await pair.matching.facts("relationship.resumed")] == [[]]


async def test_a_planned_return_does_nothing_where_the_mentee_is_inactive(pair: MatchedPair) -> None:
    await paused(pair)
    await pair.matching.receive(mentee("ana", status="inactive"))
    await eventually(pair.matching.departures_are_handled, message="ana's departure is handled")
    stored = await pair.stored()

    await pair.receives(MentorshipReturnDue(**pair.about))

    assert await pair.stored() == stored
    assert (stored["state"], await pair.parked()) == ("on_hold", [])


async def test_a_planned_return_does_nothing_before_matching_has_handled_a_departure(
    pair: MatchedPair,
) -> None:
    await paused(pair)
    members = pair.matching.database["participants"]
    await members.update_one({"_id": "mara"}, {"$set": {"status": "inactive"}})

    await pair.receives(MentorshipReturnDue(**pair.about))

    assert ((await pair.stored())["state"], await pair.parked()) == ("paused", [])


async def test_hours_in_every_format_count_once_for_the_mentor_and_are_deleted_with_them(pair: MatchedPair) -> None:
    at = pair.plumbing.clock.now() - timedelta(days=1)
    meeting = MeetingHeld(series="s", starts_at=at, minutes=60, **pair.about)
    flash = FlashHeld(slot="f", programme=CARE, mentee=BEN, mentor=MARA, starts_at=at, minutes=30)
    before = MeetingHeld(series="s", starts_at=at - timedelta(days=31), minutes=60, **pair.about)
    visit = VisitHeld(visit="v", visitor=MARA, starts_at=at, minutes=90)
    group = GroupMet(group="g", programme=CARE, mentor=MARA, starts_at=at, minutes=60)
    for event in (meeting, meeting, group, group, flash, flash, visit, visit, before):
        await pair.receives(event)

    mine = (await pair.matching.get("/me/load", "mara", NORTH)).json()
    assert (mine["hours_given"], mine["hours_promised"]) == (4.0, mine["hours_per_month"] + 2.0)
    exported = (await pair.matching.get("/me/export", "mara", NORTH)).json()
    assert sorted(each["format"] for each in exported["hours_given"]) == [
        "flash",
        "group",
        "meeting",
        "meeting",
        "outreach",
    ]
    gone = Departure(member="mara", institution=NORTH, sequence=9, is_erased=True, event="e", correlation="c")
    await in_transaction(pair.matching.database, lambda transaction: forget(transaction, gone))
    assert await pair.matching.database["hours_given"].count_documents({}) == 0
