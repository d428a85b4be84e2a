"""Mentors offer flash slots in a programme; members of the institutions that it admits book them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from services.mentorships.flash import domain
from services.mentorships.flash.domain import Calendar, Outcome, Slot, Window
from services.mentorships.kernel.access import SignIns, require_member, unknown
from services.mentorships.kernel.pairs import Decided, Party, Side
from services.mentorships.projections.domain import Person, Programme
from shared.auth import Principal
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import Conflict, Forbidden, NotFound
from shared.retries import retried_when_stale

SHOWN_AFTER_END = timedelta(days=183)
"""How long one's own slots are listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A slot as one person sees it."""

    slot: Slot
    side: Side | None
    """None for somebody who could book it."""
    people: Mapping[str, Person]
    home: str
    now: datetime

    def name_of(self, party: Party) -> str | None:
        """Across institutions names are shown to the two people only."""
        is_near = self.side is not None or party.institution == self.home
        return self.people[party.member].name if is_near and party.member in self.people else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    programme: str
    window: Window
    topic: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookable:
    """A slot with all that bears on whether a person can book it, in one read: many may press at the same moment."""

    slot: Slot
    member: str | None
    """The active member bound to the sign-in of who asks."""
    programme: Programme | None
    people: Mapping[str, Person]
    """The mentor and the member."""
    offers: bool
    """Whether the mentor has the mentor role in the programme."""
    assessors: Collection[str]
    """Who assesses the member."""

    @property
    def is_available(self) -> bool:
        mentor = self.slot.mentor
        return self.offers and mentor.member not in self.assessors and _is_active(self.people, mentor)


class FlashRepository(SignIns, Protocol):
    async def bookable(self, institution: str, id: str, subject_hash: str) -> Bookable | None:
        """Of a slot that `find` finds too."""

    async def programme(self, id: str) -> Programme | None: ...

    async def people(self, ids: Collection[str]) -> Mapping[str, Person]: ...

    async def mentors(self, programme: str, among: Collection[str]) -> Collection[str]:
        """Those of these members who have the mentor role in the programme."""

    async def assessors(self, member: str) -> Collection[str]: ...

    async def find(self, institution: str, id: str) -> Slot | None: ...

    async def open_slots(self, institution: str, programme: str, *, after: datetime) -> Sequence[Slot]:
        """Those that members of this institution can book, by time."""

    async def of_member(self, institution: str, member: str, *, after: datetime) -> Sequence[Slot]:
        """Those that the person offered or booked, by time."""

    async def offer(
        self,
        mentor: Party,
        id: str,
        window: Window,
        decide: Callable[[Calendar], Sequence[Decided[Slot]]],
        trace: Trace,
    ) -> Sequence[Slot]:
        """Decides on the mentor's calendar in the window. Returns slots that exist already."""

    async def book(
        self,
        institution: str,
        id: str,
        mentee: str,
        decide: Callable[[Slot, Calendar], Decided[Slot] | None],
        trace: Trace,
    ) -> Slot:
        """Decides on the slot, and on the mentee's calendar at that time."""

    async def change(
        self, institution: str, id: str, decide: Callable[[Slot], Decided[Slot] | None], trace: Trace
    ) -> Slot: ...


class FlashSlots:
    def __init__(self, repository: FlashRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def offer(self, me: Principal, offer: Offer, *, id: str, trace: Trace) -> Sequence[Seen]:
        member, now = await require_member(self._repository, me), self._clock.now()
        programme = await self._admitted(me, offer.programme)
        if member not in await self._repository.mentors(programme.id, [member]):
            raise Forbidden(
                "mentor_role_required",
                "mentors of this programme offer slots: ask your coordinator for the mentor role in it",
            )
        mentor = Party(member=member, institution=me.home)
        template = Slot(
            id=id,
            programme=programme.id,
            mentor=mentor,
            admits=tuple(sorted(programme.admits)),
            starts_at=offer.window.begins_at,
            minutes=offer.window.minutes,
            topic=offer.topic,
            link=offer.link,
        )

        def decide(known: Calendar) -> Sequence[Decided[Slot]]:
            return domain.offer(offer.window, template, known, now=now)

        slots = await retried_when_stale(self._repository.offer)(mentor, id, offer.window, decide, trace)
        return await self._all_seen(me, member, slots)

    async def open_slots(self, me: Principal, programme: str) -> Sequence[Seen]:
        """Those that the caller could book; not those of people who assess them."""
        member = await require_member(self._repository, me)
        await self._admitted(me, programme)
        found = await self._repository.open_slots(me.home, programme, after=self._clock.now())
        assessors = await self._repository.assessors(member)
        mentors = await self._repository.mentors(programme, {slot.mentor.member for slot in found})
        return [
            seen
            for seen in await self._all_seen(me, member, found)
            if seen.slot.mentor.member in {*mentors} - {*assessors} and _is_active(seen.people, seen.slot.mentor)
        ]

    async def mine(self, me: Principal) -> Sequence[Seen]:
        member = await require_member(self._repository, me)
        after = self._clock.now() - SHOWN_AFTER_END
        return await self._all_seen(me, member, await self._repository.of_member(me.home, member, after=after))

    async def see(self, me: Principal, id: str) -> Seen:
        member, slot = await self._require(me, id)
        return await self._seen(me, member, slot)

    async def book(self, me: Principal, id: str, *, question: str, trace: Trace) -> Seen:
        me.require("member")
        found = await self._repository.bookable(me.home, id, me.subject_hash)
        member = found.member if found and found.member else await require_member(self._repository, me)
        if found is None or not _is_visible(found.slot, member, me.home, or_taken=True):
            raise unknown("flash_slot")
        _require_admitted(me, found.programme)
        mentee, now = Party(member=member, institution=me.home), self._clock.now()
        if not found.is_available:
            raise Conflict("not_available", "this slot cannot be booked: choose another one")

        def decide(known: Slot, calendar: Calendar) -> Decided[Slot] | None:
            return domain.book(known, mentee, calendar, question=question, now=now)

        booked = await retried_when_stale(self._repository.book)(me.home, id, member, decide, trace)
        return Seen(slot=booked, side=booked.side_of(member), people=found.people, home=me.home, now=now)

    async def cancel(self, me: Principal, id: str, trace: Trace) -> Seen:
        now = self._clock.now()
        return await self._change(me, id, lambda slot, side: domain.cancel(slot, by=side, now=now), trace)

    async def record(self, me: Principal, id: str, outcome: Outcome, trace: Trace) -> Seen:
        now = self._clock.now()
        return await self._change(me, id, lambda slot, side: domain.record(slot, outcome, by=side, now=now), trace)

    async def give_feedback(self, me: Principal, id: str, *, useful: int, text: str, trace: Trace) -> Seen:
        now = self._clock.now()

        def decide(slot: Slot, side: Side) -> Decided[Slot]:
            return domain.give_feedback(slot, by=side, useful=useful, text=text, now=now)

        return await self._change(me, id, decide, trace)

    async def _change(
        self, me: Principal, id: str, decide: Callable[[Slot, Side], Decided[Slot] | None], trace: Trace
    ) -> Seen:
        member, _ = await self._require(me, id)

        def decide_current(slot: Slot) -> Decided[Slot] | None:
            side = slot.side_of(member)
            if side is None:
                raise unknown("flash_slot")
            return decide(slot, side)

        slot = await retried_when_stale(self._repository.change)(me.home, id, decide_current, trace)
        return await self._seen(me, member, slot)

    async def _require(self, me: Principal, id: str) -> tuple[str, Slot]:
        """Raises `NotFound` where the caller is neither of the two people, and the slot is not open to them."""
        member = await require_member(self._repository, me)
        slot = await self._repository.find(me.home, id)
        if slot is None or not _is_visible(slot, member, me.home):
            raise unknown("flash_slot")
        return member, slot

    async def _admitted(self, me: Principal, programme: str) -> Programme:
        return _require_admitted(me, await self._repository.programme(programme))

    async def _seen(self, me: Principal, member: str, slot: Slot) -> Seen:
        return (await self._all_seen(me, member, [slot]))[0]

    async def _all_seen(self, me: Principal, member: str, slots: Sequence[Slot]) -> Sequence[Seen]:
        named = {party.member for slot in slots for party in (slot.mentor, slot.mentee) if party is not None}
        people, now = await self._repository.people(named), self._clock.now()
        return [Seen(slot=slot, side=slot.side_of(member), people=people, home=me.home, now=now) for slot in slots]


def _is_visible(slot: Slot, member: str, home: str, *, or_taken: bool = False) -> bool:
    """To the two people, and to others while it is open. `or_taken`: who saw it open learns that it is taken."""
    is_open = slot.state == "open" or (or_taken and slot.state == "booked")
    return slot.side_of(member) is not None or (is_open and home in slot.admits)


def _require_admitted(me: Principal, programme: Programme | None) -> Programme:
    if programme is None or me.home not in programme.admits:
        raise NotFound("programme_not_found", "there is no programme with this id")
    return programme


def _is_active(people: Mapping[str, Person], party: Party) -> bool:
    return party.member in people and people[party.member].is_active
