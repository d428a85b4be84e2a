"""What the two people of a mentorship do with it, and what it does when matching's relationship changes."""

from collections.abc import Callable, Collection, Mapping, Sequence
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A mentorship as its reader sees it."""

    mentorship: Mentorship
    side: Side | None
    """The reader's; None for a coordinator."""
    names: Mapping[str, str]
    """Of the two people, by member; empty for a coordinator, and without those who are erased."""


class MentorshipRepository(SignIns, Protocol):
    async def programme(self, id: str) -> Programme | None: ...

    async def time_zone(self, member: str) -> str: ...

    async def names(self, members: Collection[str]) -> Mapping[str, str]:
        """Without those that are unknown or erased."""

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

    async def leave(self, me: Principal, command: Command) -> Seen:
        now = self._clock.now()
        return await self._change(me, command, lambda mentorship, _: domain.leave(mentorship, now=now))

    async def go_on(self, me: Principal, command: Command) -> Seen:
        now = self._clock.now()
        return await self._change(me, command, lambda mentorship, side: domain.go_on(mentorship, by=side, now=now))

    async def plan_return(self, me: Principal, command: Command, *, returns_on: date | None) -> Seen:
        """The pause ends as this day begins, where the caller lives."""
        now = self._clock.now()
        zone = await self._repository.time_zone(await require_member(self._repository, me))
        returns_at = _beginning(returns_on, zone) if returns_on else None

        def decide(mentorship: Mentorship, side: Side) -> Decided[Mentorship] | None:
            return domain.plan_return(mentorship, returns_at=returns_at, by=side, now=now)

        return await self._change(me, command, decide)

    async def see(self, me: Principal, id: str) -> Seen:
        found = await self._repository.find(me.home, id)
        side = await visible_side(self._repository, me, found, what="mentorship")
        if found is None:
            raise NotFound("mentorship_not_found", "there is no mentorship with this id")
        return await self._seen(found, side)

    async def mine(self, me: Principal, *, state: State | None, before: str | None, limit: int) -> Sequence[Seen]:
        member = await require_member(self._repository, me)
        wanted = MentorshipFilter(member=member, state=state)
        found = await self._repository.list(me.home, wanted, before=before, limit=limit)
        names = await self._repository.names({id for mentorship in found for id in mentorship.pair.members})
        return [Seen(mentorship=mentorship, side=mentorship.pair.side_of(member), names=names) for mentorship in found]

    async def of_programme(
        self, me: Principal, id: str, *, state: State | None, before: str | None, limit: int
    ) -> Sequence[Seen]:
        programme = await self._repository.programme(id)
        require_coordinator(me, id, admits=programme.admits if programme else None)
        wanted = MentorshipFilter(programme=id, state=state)
        found = await self._repository.list(me.home, wanted, before=before, limit=limit)
        return [Seen(mentorship=mentorship, side=None, names={}) for mentorship in found]

    async def _change(
        self, me: Principal, command: Command, decide: Callable[[Mentorship, Side], Decided[Mentorship] | None]
    ) -> Seen:
        found = await self._repository.find(me.home, command.mentorship)
        side, _ = await require_party(self._repository, me, found, what="mentorship")

        def decide_current(mentorship: Mentorship) -> Decided[Mentorship] | None:
            if command.expected is not None and mentorship.version != command.expected:
                raise VersionMismatch(found=mentorship.version, expected=command.expected)
            return decide(mentorship, side)

        change = retried_when_stale(self._repository.change)
        return await self._seen(await change(me.home, command.mentorship, decide_current, command.trace), side)

    async def _seen(self, mentorship: Mentorship, side: Side | None) -> Seen:
        names = await self._repository.names(mentorship.pair.members) if side else {}
        return Seen(mentorship=mentorship, side=side, names=names)


def _beginning(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
