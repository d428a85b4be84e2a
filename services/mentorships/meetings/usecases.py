"""What the two people of a mentorship do with their meetings. Nobody else sees them, coordinators neither."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.mentorships.kernel.access import SignIns, require_party
from services.mentorships.kernel.pairs import Decided, Side
from services.mentorships.lifecycle.domain import Mentorship
from services.mentorships.meetings.domain import series as domain
from services.mentorships.meetings.domain.plans import Plan
from services.mentorships.meetings.domain.states import SHOWN_AFTER_END, Outcome, Series
from services.mentorships.projections.domain import Person
from shared.auth import Principal
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import Conflict, VersionMismatch
from shared.retries import retried_when_stale

Decide = Callable[[Series], Decided[Series] | None]
_MOST_SERIES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    series: str
    expected: int | None
    """The version on which the caller decided; None for any."""
    trace: Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A series as one of the two sees it."""

    series: Series
    side: Side
    people: Mapping[str, Person]
    now: datetime

    @property
    def zone(self) -> str:
        """Where the reader lives."""
        member = self.series.pair.party(self.side).member
        return self.people[member].time_zone if member in self.people else "UTC"

    @property
    def other_name(self) -> str:
        member = self.series.pair.across(self.side).member
        return self.people[member].name if member in self.people else ""


class MeetingRepository(SignIns, Protocol):
    async def mentorship(self, institution: str, id: str) -> Mentorship | None: ...

    async def people(self, members: Sequence[str]) -> Mapping[str, Person]: ...

    async def find(self, institution: str, id: str) -> Series | None: ...

    async def of_mentorship(self, institution: str, mentorship: str) -> Sequence[Series]:
        """The newest first."""

    async def add(
        self,
        institution: str,
        mentorship: str,
        id: str,
        decide: Callable[[Mentorship, int], Decided[Series]],
        trace: Trace,
    ) -> Series:
        """Decides on the mentorship and the number of series that count towards its limit. Returns a series that exists
        already.
        """

    async def change(self, institution: str, id: str, decide: Decide, trace: Trace) -> Series: ...

    async def record(self, institution: str, id: str, decide: Decide, trace: Trace) -> Series:
        """Like `change`; meetings that became held are held in the mentorship too, in the same transaction."""


class Meetings:
    def __init__(self, repository: MeetingRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def propose(self, me: Principal, mentorship: str, plan: Plan, *, id: str, trace: Trace) -> Seen:
        now = self._clock.now()
        side, _ = await require_party(
            self._repository, me, await self._repository.mentorship(me.home, mentorship), what="mentorship"
        )

        def decide(known: Mentorship, counted: int) -> Decided[Series]:
            _require_running(known)
            if counted >= _MOST_SERIES:
                message = f"a mentorship has at most {_MOST_SERIES} series of meetings, with those that were cancelled "
                raise Conflict("too_many_series", f"{message}within {SHOWN_AFTER_END.days} days")
            return domain.propose(plan, id=id, mentorship=known.id, pair=known.pair, by=side, now=now)

        series = await retried_when_stale(self._repository.add)(me.home, mentorship, id, decide, trace)
        return await self._seen(series, side)

    async def counter(self, me: Principal, command: Command, plan: Plan) -> Seen:
        now = self._clock.now()
        return await self._change(me, command, lambda series, side: domain.counter(series, plan, by=side, now=now))

    async def agree(self, me: Principal, command: Command) -> Seen:
        now = self._clock.now()
        return await self._change(me, command, lambda series, side: domain.agree(series, by=side, now=now))

    async def decline(self, me: Principal, command: Command) -> Seen:
        now = self._clock.now()
        return await self._change(me, command, lambda series, side: domain.decline(series, by=side, now=now))

    async def cancel(self, me: Principal, command: Command) -> Seen:
        now = self._clock.now()
        return await self._change(me, command, lambda series, side: domain.cancel(series, by=side, now=now))

    async def move(self, me: Principal, command: Command, meeting: str, *, starts: datetime) -> Seen:
        now = self._clock.now()
        return await self._change(
            me, command, lambda series, _side: domain.move(series, meeting, starts=starts, now=now)
        )

    async def cancel_one(self, me: Principal, command: Command, meeting: str) -> Seen:
        now = self._clock.now()
        return await self._change(me, command, lambda series, _side: domain.cancel_one(series, meeting, now=now))

    async def record(self, me: Principal, command: Command, meeting: str, outcome: Outcome) -> Seen:
        now = self._clock.now()
        side, decide = await self._decide(
            me, command, lambda series, side: domain.record(series, meeting, outcome, by=side, now=now)
        )
        change = retried_when_stale(self._repository.record)
        return await self._seen(await change(me.home, command.series, decide, command.trace), side)

    async def see(self, me: Principal, id: str) -> Seen:
        found = await self._repository.find(me.home, id)
        side, series = await require_party(self._repository, me, found, what="meeting_series")
        return await self._seen(series, side)

    async def of_mentorship(self, me: Principal, id: str) -> Sequence[Seen]:
        known = await self._repository.mentorship(me.home, id)
        side, mentorship = await require_party(self._repository, me, known, what="mentorship")
        people, now = await self._repository.people(mentorship.pair.members), self._clock.now()
        found = await self._repository.of_mentorship(me.home, id)
        return [Seen(series=series, side=side, people=people, now=now) for series in found]

    async def _change(
        self, me: Principal, command: Command, decide: Callable[[Series, Side], Decided[Series] | None]
    ) -> Seen:
        side, decide_current = await self._decide(me, command, decide)
        change = retried_when_stale(self._repository.change)
        return await self._seen(await change(me.home, command.series, decide_current, command.trace), side)

    async def _decide(
        self, me: Principal, command: Command, decide: Callable[[Series, Side], Decided[Series] | None]
    ) -> tuple[Side, Decide]:
        found = await self._repository.find(me.home, command.series)
        side, _ = await require_party(self._repository, me, found, what="meeting_series")

        def decide_current(series: Series) -> Decided[Series] | None:
            if command.expected is not None and series.version != command.expected:
                raise VersionMismatch(found=series.version, expected=command.expected)
            return decide(series, side)

        return side, decide_current

    async def _seen(self, series: Series, side: Side) -> Seen:
        members = (series.pair.mentee.member, series.pair.mentor.member)
        return Seen(series=series, side=side, people=await self._repository.people(members), now=self._clock.now())


def _require_running(mentorship: Mentorship) -> None:
    if not mentorship.is_open or mentorship.is_paused:
        state = mentorship.state.replace("_", " ")
        raise Conflict(
            f"mentorship_{mentorship.state}", f"the mentorship is in the state {state}: no meetings can be proposed"
        )
