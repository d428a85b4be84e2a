"""What the two people of a mentorship do with it, and what it does when matching's relationship changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Protocol
from zoneinfo import ZoneInfo

from services.mentorships.kernel.access import SignIns, require_coordinator, require_member, require_party, visible_side
from services.mentorships.kernel.pairs import Decided, Side
from services.mentorships.lifecycle import domain
from services.mentorships.lifecycle.domain import Mentorship, State
from services.mentorships.projections.domain import Programme
from shared.auth import Principal
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import NotFound, VersionMismatch
from shared.retries import retried_when_stale

Decide = Callable[[Mentorship], Decided[Mentorship] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    mentorship: str
    expected: int | None
    """The version on which the caller decided; None for any."""
    trace: Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class MentorshipFilter:
    member: str | None = None
    programme: str | None = None
    state: State | None = None


class MentorshipRepository(SignIns, Protocol):
    async def programme(self, id: str) -> Programme | None: ...

    async def time_zone(self, member: str) -> str: ...

    async def find(self, institution: str, id: str) -> Mentorship | None:
        """The mentorship with this id, if one of the two belongs to this institution."""

    async def list(
        self, institution: str, wanted: MentorshipFilter, *, before: str | None, limit: int
    ) -> Sequence[Mentorship]:
        """The newest first."""

    async def change(self, institution: str, id: str, decide: Decide, trace: Trace) -> Mentorship:
        """Loads, decides and saves in one transaction; None changes nothing. Raises `StaleVersion`."""


class Mentorships:
    def __init__(self, repository: MentorshipRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def leave(self, me: Principal, command: Command) -> Mentorship:
        now = self._clock.now()
        return await self._change(me, command, lambda mentorship, _: domain.leave(mentorship, now=now))

    async def go_on(self, me: Principal, command: Command) -> Mentorship:
        now = self._clock.now()
        return await self._change(me, command, lambda mentorship, side: domain.go_on(mentorship, by=side, now=now))

    async def plan_return(self, me: Principal, command: Command, *, returns_on: date | None) -> Mentorship:
        """The pause ends as this day begins, where the caller lives."""
        now = self._clock.now()
        zone = await self._repository.time_zone(await require_member(self._repository, me))
        returns_at = _beginning(returns_on, zone) if returns_on else None

        def decide(mentorship: Mentorship, side: Side) -> Decided[Mentorship] | None:
            return domain.plan_return(mentorship, returns_at=returns_at, by=side, now=now)

        return await self._change(me, command, decide)

    async def see(self, me: Principal, id: str) -> Mentorship:
        found = await self._repository.find(me.home, id)
        await visible_side(self._repository, me, found, what="mentorship")
        if found is None:
            raise NotFound("mentorship_not_found", "there is no mentorship with this id")
        return found

    async def mine(self, me: Principal, *, state: State | None, before: str | None, limit: int) -> Sequence[Mentorship]:
        wanted = MentorshipFilter(member=await require_member(self._repository, me), state=state)
        return await self._repository.list(me.home, wanted, before=before, limit=limit)

    async def of_programme(
        self, me: Principal, id: str, *, state: State | None, before: str | None, limit: int
    ) -> Sequence[Mentorship]:
        programme = await self._repository.programme(id)
        require_coordinator(me, id, admits=programme.admits if programme else None)
        return await self._repository.list(
            me.home, MentorshipFilter(programme=id, state=state), before=before, limit=limit
        )

    async def _change(
        self, me: Principal, command: Command, decide: Callable[[Mentorship, Side], Decided[Mentorship] | None]
    ) -> Mentorship:
        found = await self._repository.find(me.home, command.mentorship)
        side = await require_party(self._repository, me, found, what="mentorship")

        def decide_current(mentorship: Mentorship) -> Decided[Mentorship] | None:
            if command.expected is not None and mentorship.version != command.expected:
                raise VersionMismatch(found=mentorship.version, expected=command.expected)
            return decide(mentorship, side)

        return await retried_when_stale(self._repository.change)(
            me.home, command.mentorship, decide_current, command.trace
        )


def _beginning(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
