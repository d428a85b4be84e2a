"""A person's private calendar address: one secret token each, kept as a hash, replaced or revoked at any time.

A client that knows the address reads the calendar without signing in, because calendar programs cannot.
"""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from services.mentorships.calendars.domain import ReadLimit
from services.mentorships.flash.domain import Slot
from services.mentorships.groups.domain import Group
from services.mentorships.kernel.access import SignIns, require_member
from services.mentorships.meetings.domain.states import SHOWN_AFTER_END, Series
from services.mentorships.meetings.usecases import Seen
from services.mentorships.outreach.domain import Visit
from services.mentorships.projections.domain import Person
from shared.auth import Principal
from shared.clock import Clock
from shared.errors import NotFound, TooManyRequests


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarAddress:
    member: str
    institution: str
    token_hash: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """What a person's calendar shows."""

    series: Sequence[Seen]
    groups: Sequence[Group]
    slots: Sequence[Slot]
    visits: Sequence[Visit]
    member: str
    """Whose calendar it is."""
    people: Mapping[str, Person]


class CalendarRepository(SignIns, Protocol):
    async def set(self, address: CalendarAddress) -> None:
        """Replaces the person's address, which is unknown from then on."""

    async def address_of(self, institution: str, member: str) -> CalendarAddress | None: ...

    async def by_token(self, token_hash: str) -> CalendarAddress | None: ...

    async def delete(self, institution: str, member: str) -> None: ...

    async def people(self, members: Sequence[str]) -> dict[str, Person]: ...

    async def series(self, institution: str, member: str, *, changed_after: datetime) -> Sequence[Series]:
        """Open ones, and those that were cancelled after this instant."""

    async def groups(self, institution: str, member: str, *, changed_after: datetime) -> Sequence[Group]:
        """Open ones with meetings, and those that ended after this instant."""

    async def slots(self, institution: str, member: str, *, after: datetime) -> Sequence[Slot]:
        """Flash slots that begin after this instant and are, or were, booked."""

    async def visits(self, institution: str, member: str, *, after: datetime) -> Sequence[Visit]:
        """Outreach visits that begin after this instant."""


class Calendars:
    def __init__(
        self, repository: CalendarRepository, clock: Clock, *, limit: ReadLimit, new_token: Callable[[], str]
    ) -> None:
        self._repository = repository
        self._clock = clock
        self._limit = limit
        self._new_token = new_token

    async def renew(self, me: Principal) -> tuple[CalendarAddress, str]:
        """A new address with its token, which is readable only now. An earlier one is revoked."""
        member, token = await require_member(self._repository, me), self._new_token()
        address = CalendarAddress(
            member=member, institution=me.home, token_hash=_hash(token), created_at=self._clock.now()
        )
        await self._repository.set(address)
        return address, token

    async def revoke(self, me: Principal) -> None:
        await self._repository.delete(me.home, await require_member(self._repository, me))

    async def mine(self, me: Principal) -> CalendarAddress:
        found = await self._repository.address_of(me.home, await require_member(self._repository, me))
        if found is None:
            raise _unknown()
        return found

    async def read(self, token: str) -> Feed:
        """The meetings of the person with this token. The answer to an unknown, revoked or erased one is the same.
        Raises `TooManyRequests`.
        """
        address = await self._repository.by_token(_hash(token))
        if address is None:
            raise _unknown()
        now = self._clock.now()
        wait = self._limit.wait(address.token_hash, now)
        if wait is not None:
            raise _too_often(wait)
        since = now - SHOWN_AFTER_END
        found = await self._repository.series(address.institution, address.member, changed_after=since)
        groups = await self._repository.groups(address.institution, address.member, changed_after=since)
        slots = await self._repository.slots(address.institution, address.member, after=since)
        visits = await self._repository.visits(address.institution, address.member, after=since)
        members = {party.member for series in found for party in (series.pair.mentee, series.pair.mentor)}
        members |= {member for slot in slots for member in slot.parties.members}
        people = await self._repository.people([address.member, *members, *(group.mentor.member for group in groups)])
        if address.member not in people or not people[address.member].is_active:
            raise _unknown()
        series = [_seen(each, address.member, people, now) for each in found]
        return Feed(series=series, groups=groups, slots=slots, visits=visits, member=address.member, people=people)


def _seen(series: Series, member: str, people: dict[str, Person], now: datetime) -> Seen:
    side = series.pair.side_of(member)
    assert side is not None  # noqa: S101 -- the series was found by its parties
    return Seen(series=series, side=side, people=people, now=now)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _too_often(wait: timedelta) -> TooManyRequests:
    seconds = math.ceil(wait.total_seconds())
    return TooManyRequests(
        "calendar_read_too_often",
        f"this calendar is read too often: read it again in {seconds} s, and every few minutes at most",
        retry_after_seconds=seconds,
    )


def _unknown() -> NotFound:
    return NotFound("calendar_not_found", "there is no calendar at this address")
