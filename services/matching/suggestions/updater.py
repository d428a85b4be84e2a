"""Keeps the lists of the shards held here equal to what the index says, and publishes what changed.

A list is remembered as soon as it is computed, so that what changes next is compared with it, and is not computed again
before it is written. When a write fails, its shard is let go, and whoever takes it again begins from what is stored.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from services.matching.kernel.shards import shard_of
from services.matching.suggestions.domain import Enrolment, OwnSequences, Shortlist, Stored, change, suppress
from services.matching.suggestions.index.network import Network, State
from services.matching.suggestions.index.pool import Pool
from services.matching.suggestions.own_changes import Origins, OwnChanges
from services.matching.suggestions.queue import Origin, Renewal, RenewalQueue
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.matching import Cause, SuggestionsChanged
from shared.errors import StaleVersion

_CHUNK = 32
"""Lists in one transaction."""
_URGENT = 16
"""As many own changes at once are an import's, and yield to others' single changes on their way out."""
_BREATH_SECONDS = 0.003
"""Between two computations of a crowd while changes still come in, so that taking these in is not kept waiting."""
_AHEAD_SECONDS = 60.0
"""A list that is ahead of its mentee's profile waits so long for the profile's record to be delivered again."""
_JUST_PUBLISHED = timedelta(minutes=1)
"""By then the index knows of every relationship that a round began."""
_MENTORS = 64
"""Changed mentors looked at between two chunks of lists."""


@dataclass(frozen=True, slots=True)
class Change:
    """A document's newer state, and which event brought it."""

    state: State
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A list as it goes to the store, on condition that `replaces` and `fence` are what stands there."""

    enrolment: Enrolment
    shortlist: Shortlist
    shard: int
    fence: int
    replaces: int
    version: int
    as_of: datetime
    own: OwnSequences | None
    event: SuggestionsChanged | None
    event_id: str
    trace: Trace
    bulk: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A list as it stands in the store."""

    enrolment: Enrolment
    shortlist: Shortlist
    version: int
    own: OwnSequences | None


@dataclass(frozen=True, slots=True)
class AtRest:
    stored: Stored
    fence: int


class ListRepository(Origins, Protocol):
    async def take_over(self, fences: Mapping[int, int]) -> Sequence[Found]:
        """Raises the fences of these shards, so that their former holder can write no more, and returns their lists."""

    async def being_matched(self, enrolments: Sequence[Enrolment], *, since: datetime) -> Collection[str]:
        """Ids of those for whom a round that is being published, or was since then, has a mentor."""

    async def write(self, written: Sequence[Written]) -> None:
        """All or none, each with its event. Raises `StaleVersion` when another holds a shard, or wrote a list."""


class Watch(Protocol):
    """What operators see of this."""

    def computed(self, lists: int) -> None: ...

    def published(self, events: int) -> None: ...

    def own_change_took(self, seconds: float) -> None: ...


class ListUpdater:
    """Two lanes may run at once: own changes, and the rest. Between computations each lets the other go on."""

    def __init__(
        self, network: Network, lists: ListRepository, *, clock: Clock, coalesce_seconds: float, watch: Watch
    ) -> None:
        self._network = network
        self._lists = lists
        self._clock = clock
        self._coalesce_seconds = coalesce_seconds
        self._watch = watch
        self._waiting = RenewalQueue()
        self._moved: dict[tuple[str, str], Origin] = {}
        self._own_changes = OwnChanges(network, lists, clock)
        self._fences: dict[int, int] = {}
        self._in_flight: dict[str, asyncio.Event] = {}
        self._heard = float("-inf")

    @property
    def fences(self) -> Mapping[int, int]:
        """The shards kept here, by the token each was taken with."""
        return self._fences

    def apply(self, changes: Iterable[Change]) -> None:
        """Takes the changes in; the lanes act on them."""
        now = self._heard = self._clock.monotonic()
        for one in changes:
            affected = self._network.put(one.state)
            for enrolment in affected.own:
                self._await(Renewal(enrolment, "own_change", one.origin, now))
            for enrolment in affected.others:
                self._await(Renewal(enrolment, "others_change", one.origin, now + self._coalesce_seconds))
            for mentor in affected.as_mentor:
                self._moved[mentor] = one.origin

    async def take(self, fences: Mapping[int, int]) -> None:
        """These shards are ours: every list of theirs is computed again, and differences are published. Own changes
        that arrive meanwhile are kept for it.
        """
        self.lose(fences.keys())
        self._network.hold(fences.keys())
        for one in await self._lists.take_over(fences):
            self._network.keep(one.enrolment)
            self._remember(one)
        await self._own_changes.find(self._network.enrolments(fences.keys()))
        self._fences |= fences
        self._renew_after_takeover(self._network.enrolments(fences.keys()))

    def _renew_after_takeover(self, enrolments: Iterable[Enrolment]) -> None:
        unknown, now = Origin(None, self._clock.new_id()), self._clock.monotonic()
        for enrolment in enrolments:
            if origin := self._own_changes.get(enrolment):
                self._await(Renewal(enrolment, "own_change", origin, now))
            elif self._own_changes.is_ahead(enrolment):
                self._waiting.add_ahead(Renewal(enrolment, "takeover", unknown, now + _AHEAD_SECONDS))
                self._pool(enrolment).awaits(enrolment.mentee, renewal=True)
            else:
                self._await(Renewal(enrolment, "takeover", unknown, now))

    def lose(self, shards: Iterable[int]) -> None:
        """Somebody else may hold these now."""
        lost = {shard for shard in shards if self._fences.pop(shard, None) is not None}
        if lost:
            enrolments = self._network.enrolments(lost)
            self._waiting.forget(enrolments)
            for enrolment in enrolments:
                self._own_changes.pop(enrolment)
            self._network.drop(lost)

    @property
    def has_own(self) -> bool:
        return self._waiting.has_own

    @property
    def waiting(self) -> int:
        """Lists not renewed or not written yet, and changed mentors not yet looked at."""
        return len(self._waiting) + len(self._in_flight) + len(self._moved)

    def seconds_until_others(self) -> float | None:
        """How long the other lane has nothing to do; None: until the next change."""
        return 0.0 if self._moved else self._waiting.seconds_until_others(now=self._clock.monotonic())

    async def renew_own(self) -> Collection[int]:
        """One chunk of own changes. Returns shards lost to another holder, as does `renew_others`."""
        renewals = self._waiting.next_own(_CHUNK)
        lost = await self._renew(renewals, bulk=len(renewals) > _URGENT)
        now = self._clock.monotonic()
        for one in renewals:
            self._watch.own_change_took(now - one.at)
        return lost

    async def renew_others(self) -> Collection[int]:
        """Looks whom changed mentors touch, then renews one chunk of what is due."""
        await self._spread()
        renewals = self._waiting.next_others(_CHUNK, now=self._clock.monotonic())
        self._prepare(renewals)
        return await self._renew(renewals, bulk=True)

    def _prepare(self, renewals: Sequence[Renewal]) -> None:
        """What is read from reserves is read at once; a change in between costs no more than reading again."""
        for programme in {one.enrolment.programme for one in renewals}:
            mentees = [one.enrolment.mentee for one in renewals if one.enrolment.programme == programme]
            pool = self._network.pool(programme)
            pool.prepare([one for one in mentees if one in pool.mentees])

    def any_list(self, chance: int) -> Enrolment | None:
        """One of those kept here, by a number as large as one likes."""
        return self._network.any_list(chance)

    def at_rest(self, enrolment: Enrolment) -> "AtRest | None":
        """What is stored of a list that nothing known here will change; None where something may."""
        pool, fence = self._pool(enrolment), self._fences.get(shard_of(enrolment.mentee))
        if fence is None or self._moved or enrolment.id in self._in_flight or pool.is_awaited(enrolment.mentee):
            return None
        return AtRest(pool.stored(enrolment.mentee), fence)

    def anew(self, enrolment: Enrolment) -> Shortlist:
        return self._pool(enrolment).searched(enrolment.mentee)

    def mend(self, found: Found) -> None:
        """What is found in the store is wrong."""
        self._remember(found)
        origin = Origin(None, self._clock.new_id())
        self._await(Renewal(found.enrolment, "others_change", origin, self._clock.monotonic()))

    async def _spread(self) -> None:
        for programme, mentor in list(self._moved)[:_MENTORS]:
            origin, due = self._moved.pop((programme, mentor)), self._clock.monotonic() + self._coalesce_seconds
            for mentee in self._network.pool(programme).touched(mentor):
                self._await(Renewal(self._network.enrolment(programme, mentee), "others_change", origin, due))
            await asyncio.sleep(0)

    async def _renew(self, renewals: Sequence[Renewal], *, bulk: bool) -> Collection[int]:
        written: list[Written] = []
        lost: set[int] = set()
        for renewal in renewals:
            while earlier := self._in_flight.get(renewal.enrolment.id):
                lost |= await self._write(written)  # ours first: two lanes never wait for each other
                written = []
                await earlier.wait()
            if new := self._renewed(renewal, bulk=bulk):
                written.append(new)
                self._in_flight[new.enrolment.id] = asyncio.Event()
            is_crowd = bulk and self._clock.monotonic() - self._heard < 1
            await asyncio.sleep(_BREATH_SECONDS if is_crowd else 0)
        self._watch.computed(len(renewals))
        return lost | await self._write(written)

    async def _write(self, written: Sequence[Written]) -> set[int]:
        if not written:
            return set()
        try:
            await self._lists.write(await self._without_matched(written))
        except StaleVersion:
            lost = {one.shard for one in written}
            self.lose(lost)
            return lost
        finally:
            for one in written:
                self._in_flight.pop(one.enrolment.id).set()
        self._watch.published(sum(one.event is not None for one in written))
        return set()

    async def _without_matched(self, written: Sequence[Written]) -> Sequence[Written]:
        """A round that is being published fills mentors before it comes to each mentee's own place in it."""
        events = [(one.enrolment, one.event) for one in written if one.event and one.event.recipients]
        news = [enrolment for enrolment, event in events if event.cause != "own_change"]
        matched = await self._lists.being_matched(news, since=self._clock.now() - _JUST_PUBLISHED) if news else ()
        return [_suppressed(one) if one.enrolment.id in matched else one for one in written]

    def _renewed(self, renewal: Renewal, *, bulk: bool) -> Written | None:
        """The list as it is from now on; None where nothing is new, or the shard went while this waited."""
        enrolment, shard = renewal.enrolment, shard_of(renewal.enrolment.mentee)
        if shard not in self._fences:
            return None
        pool = self._pool(enrolment)
        pool.awaits(enrolment.mentee, renewal=False)
        before, after = pool.stored(enrolment.mentee), pool.shortlist(enrolment.mentee)
        cause, origin = self._due_to(renewal)
        own = self._own_changes.sequences(enrolment)
        if before.is_the_same(after, own):
            return None
        is_active, has_mentor = self._network.is_active(enrolment.mentee), self._network.has_mentor(enrolment)
        event = change(before, after, of=enrolment, cause=cause, tells_mentee=is_active, has_mentor=has_mentor)
        version = event.version if event else before.version
        pool.remember(enrolment.mentee, after, version=version, own=own)
        return Written(
            enrolment=enrolment,
            shortlist=after,
            shard=shard,
            fence=self._fences[shard],
            replaces=before.version,
            version=version,
            as_of=self._clock.now(),
            own=own,
            event=event,
            event_id=self._clock.new_id(),
            trace=Trace(correlation_id=origin.correlation, causation_id=origin.event),
            bulk=bulk,
        )

    def _due_to(self, renewal: Renewal) -> tuple[Cause, Origin]:
        """Another's change may renew a list before the mentee's own turn comes: it is still the own change's doing."""
        if own := self._own_changes.pop(renewal.enrolment):
            return "own_change", own
        return "others_change" if renewal.cause == "own_change" else renewal.cause, renewal.origin

    def _remember(self, found: Found) -> None:
        pool = self._pool(found.enrolment)
        pool.remember(found.enrolment.mentee, found.shortlist, version=found.version, own=found.own)

    def _await(self, renewal: Renewal) -> None:
        if renewal.cause == "own_change":
            self._own_changes.add(renewal.enrolment, renewal.origin)
        self._waiting.add(renewal)
        self._pool(renewal.enrolment).awaits(renewal.enrolment.mentee, renewal=True)

    def _pool(self, enrolment: Enrolment) -> Pool:
        return self._network.pool(enrolment.programme)


def _suppressed(one: Written) -> Written:
    return replace(one, event=suppress(one.event, "matched_in_round") if one.event else None)
