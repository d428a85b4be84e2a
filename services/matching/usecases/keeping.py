"""Keeps the lists of the shards held here equal to what the index says, and publishes what changed.

One task calls this, so that between computing a list and remembering what was stored nothing else changes the index.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.matching.domain.lists import Enrolment, Shortlist, change
from services.matching.domain.shards import shard_of
from services.matching.index.network import Network, State
from services.matching.usecases.waiting import Origin, Renewal, Waiting
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.matching import SuggestionsChanged
from shared.errors import StaleVersion

_CHUNK = 32
"""Lists in one transaction: an own change waits for no more than one such chunk."""
_URGENT = 16
"""As many own changes at once are an import's, and yield to others' single changes on their way out."""
_MENTORS = 64
"""Changed mentors looked at between two chunks."""


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


class Lists(Protocol):
    async def take_over(self, fences: Mapping[int, int]) -> Sequence[Found]:
        """Raises the fences of these shards, so that their former holder can write no more, and returns their lists."""

    async def write(self, written: Sequence[Written]) -> None:
        """All or none, each with its event. Raises `StaleVersion` when another holds a shard, or wrote a list."""


class Watch(Protocol):
    """What operators see of this."""

    def computed(self, lists: int) -> None: ...

    def published(self, events: int) -> None: ...

    def own_change_took(self, seconds: float) -> None: ...


class Keeper:
    def __init__(self, network: Network, lists: Lists, *, clock: Clock, coalesce_seconds: float, watch: Watch) -> None:
        self._network = network
        self._lists = lists
        self._clock = clock
        self._coalesce_seconds = coalesce_seconds
        self._watch = watch
        self._waiting = Waiting()
        self._moved: dict[tuple[str, str], Origin] = {}
        self._fences: dict[int, int] = {}

    @property
    def fences(self) -> Mapping[int, int]:
        """The shards kept here, by the token each was taken with."""
        return self._fences

    def apply(self, changes: Iterable[Change]) -> None:
        """Takes the changes in; `step` acts on them."""
        now = self._clock.monotonic()
        for one in changes:
            affected = self._network.put(one.state)
            for enrolment in affected.own:
                self._waiting.add(Renewal(enrolment, "own_change", one.origin, now))
            for enrolment in affected.others:
                self._waiting.add(Renewal(enrolment, "others_change", one.origin, now + self._coalesce_seconds))
            for mentor in affected.as_mentor:
                self._moved[mentor] = one.origin

    async def take(self, fences: Mapping[int, int]) -> None:
        """These shards are ours: every list of theirs is computed again, and differences are published."""
        self.lose(fences.keys())
        found = await self._lists.take_over(fences)
        for shard, fence in fences.items():
            self._fences[shard] = fence
            self._network.hold(shard)
        for one in found:
            self._network.keep(one.enrolment)
            self._network.pool(one.enrolment.programme).remember(
                one.enrolment.mentee, one.shortlist, version=one.version
            )
        origin, now = Origin(None, self._clock.new_id()), self._clock.monotonic()
        for enrolment in self._network.enrolments():
            if shard_of(enrolment.mentee) in fences:
                self._waiting.add(Renewal(enrolment, "takeover", origin, now))

    def lose(self, shards: Iterable[int]) -> None:
        """Somebody else may hold these now."""
        for shard in shards:
            if self._fences.pop(shard, None) is not None:
                self._waiting.forget(list(self._network.enrolments(shard=shard)))
                self._network.drop(shard)

    def seconds_until_next(self) -> float | None:
        """How long there is nothing to do; None: until the next change."""
        if self._moved:
            return 0.0
        return self._waiting.seconds_until_next(now=self._clock.monotonic())

    async def step(self) -> Collection[int]:
        """Renews one chunk of lists, then looks whom changed mentors touch. Returns shards lost to another holder."""
        renewals = self._waiting.next(_CHUNK, now=self._clock.monotonic())
        own = [one for one in renewals if one.cause == "own_change"]
        bulk = len(own) != len(renewals) or len(own) > _URGENT
        written = [new for renewal in renewals if (new := self._renewed(renewal, bulk=bulk))]
        lost = await self._write(written)
        self._watch.computed(len(renewals))
        now = self._clock.monotonic()
        for one in own:
            self._watch.own_change_took(now - one.at)
        self._spread()
        return lost

    async def _write(self, written: Sequence[Written]) -> Collection[int]:
        if not written:
            return frozenset()
        try:
            await self._lists.write(written)
        except StaleVersion:
            lost = {one.shard for one in written}
            self.lose(lost)
            return lost
        for one in written:
            self._network.pool(one.enrolment.programme).remember(
                one.enrolment.mentee, one.shortlist, version=one.version
            )
        self._watch.published(sum(one.event is not None for one in written))
        return frozenset()

    def _renewed(self, renewal: Renewal, *, bulk: bool) -> Written | None:
        enrolment, pool = renewal.enrolment, self._network.pool(renewal.enrolment.programme)
        before, after = pool.stored(enrolment.mentee), pool.shortlist(enrolment.mentee)
        if before.is_the_same(after):
            return None
        is_active = self._network.is_active(enrolment.mentee)
        event = change(before, after, of=enrolment, cause=renewal.cause, tells_mentee=is_active)
        shard = shard_of(enrolment.mentee)
        return Written(
            enrolment=enrolment,
            shortlist=after,
            shard=shard,
            fence=self._fences[shard],
            replaces=before.version,
            version=event.version if event else before.version,
            as_of=self._clock.now(),
            event=event,
            event_id=self._clock.new_id(),
            trace=Trace(correlation_id=renewal.origin.correlation, causation_id=renewal.origin.event),
            bulk=bulk,
        )

    def _spread(self) -> None:
        """After the own changes are out: lists that name a changed mentor, or should."""
        due = self._clock.monotonic() + self._coalesce_seconds
        for programme, mentor in list(self._moved)[:_MENTORS]:
            origin = self._moved.pop((programme, mentor))
            pool = self._network.pool(programme)
            for mentee in pool.touched(mentor):
                self._waiting.add(Renewal(self._network.enrolment(programme, mentee), "others_change", origin, due))
