"""Renews the lists of the shards held here when the index changes, and publishes the differences.

A computed list is remembered before it is written, and the next renewal is compared with it. When a write fails, the
shard is given up, and its next holder starts from the stored lists.
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
_URGENT_COUNT = 16
"""More own changes than this in one chunk come from an import: their events are published as bulk."""
_PAUSE_SECONDS = 0.003
"""Pause between two computations of a mass change while changes still arrive, so that applying them is not delayed."""
_REDELIVERY_WAIT_SECONDS = 60.0
"""How long a list that is ahead of its mentee's profile waits for the profile's record to be delivered again."""
_JUST_PUBLISHED = timedelta(minutes=1)
"""After this time the index knows every relationship that a published round began."""
_MENTORS_PER_STEP = 64
"""Changed mentors whose touched lists are looked up between two chunks of renewals."""


@dataclass(frozen=True, slots=True)
class Change:
    """A document's newer state, and the event that caused it."""

    state: State
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A list to be written, on condition that the stored version is `replaces` and the stored fence is `fence`."""

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
class ListSnapshot:
    """A list as read from the store."""

    enrolment: Enrolment
    shortlist: Shortlist
    version: int
    own: OwnSequences | None


@dataclass(frozen=True, slots=True)
class Settled:
    stored: Stored
    fence: int


class ListRepository(Origins, Protocol):
    async def take_over(self, fences: Mapping[int, int]) -> Sequence[ListSnapshot]:
        """Raises the fences of these shards, so that their former holder can write no more, and returns their lists."""

    async def being_matched(self, enrolments: Sequence[Enrolment], *, since: datetime) -> Collection[str]:
        """Ids of the enrolments to which a round that is being published, or was published since then, assigns a
        mentor.
        """

    async def write(self, written: Sequence[Written]) -> None:
        """All or none, each with its event. Raises `StaleVersion` when a shard or a list has another writer."""


class Watch(Protocol):
    """Metrics of the updater."""

    def computed(self, lists: int) -> None: ...

    def published(self, events: int) -> None: ...

    def own_change_took(self, seconds: float) -> None: ...


class ListUpdater:
    """`renew_own` and `renew_others` may run concurrently; each yields to the event loop between computations."""

    def __init__(
        self, network: Network, lists: ListRepository, *, clock: Clock, coalesce_seconds: float, watch: Watch
    ) -> None:
        self._network = network
        self._lists = lists
        self._clock = clock
        self._coalesce_seconds = coalesce_seconds
        self._watch = watch
        self._waiting = RenewalQueue()
        self._changed_mentors: dict[tuple[str, str], Origin] = {}
        self._own_changes = OwnChanges(network, lists, clock)
        self._fences: dict[int, int] = {}
        self._in_flight: dict[str, asyncio.Event] = {}
        self._last_applied = float("-inf")

    @property
    def fences(self) -> Mapping[int, int]:
        """Fencing tokens of the shards held here, by shard."""
        return self._fences

    def apply(self, changes: Iterable[Change]) -> None:
        """Applies the changes to the index and queues the renewals that follow from them."""
        now = self._last_applied = self._clock.monotonic()
        for changed in changes:
            affected = self._network.put(changed.state)
            for enrolment in affected.own:
                self._enqueue(Renewal(enrolment, "own_change", changed.origin, now))
            for enrolment in affected.others:
                self._enqueue(Renewal(enrolment, "others_change", changed.origin, now + self._coalesce_seconds))
            for mentor in affected.as_mentor:
                self._changed_mentors[mentor] = changed.origin

    async def take(self, fences: Mapping[int, int]) -> None:
        """Takes these shards over: queues every list of theirs for renewal. Own changes that arrive while the store is
        read are kept.
        """
        self.lose(fences.keys())
        self._network.hold(fences.keys())
        for found in await self._lists.take_over(fences):
            self._network.keep(found.enrolment)
            self._remember(found)
        await self._own_changes.find(self._network.enrolments(fences.keys()))
        self._fences |= fences
        self._renew_after_takeover(self._network.enrolments(fences.keys()))

    def _renew_after_takeover(self, enrolments: Iterable[Enrolment]) -> None:
        unknown, now = Origin(None, self._clock.new_id()), self._clock.monotonic()
        for enrolment in enrolments:
            if origin := self._own_changes.get(enrolment):
                self._enqueue(Renewal(enrolment, "own_change", origin, now))
            elif self._own_changes.is_ahead_of_index(enrolment):
                self._waiting.add_delayed(Renewal(enrolment, "takeover", unknown, now + _REDELIVERY_WAIT_SECONDS))
                self._pool(enrolment).set_renewal_queued(enrolment.mentee, queued=True)
            else:
                self._enqueue(Renewal(enrolment, "takeover", unknown, now))

    def lose(self, shards: Iterable[int]) -> None:
        """Gives these shards up: another process may hold them now."""
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
        return len(self._waiting) + len(self._in_flight) + len(self._changed_mentors)

    def seconds_until_others(self) -> float | None:
        """Seconds until `renew_others` has something to do; None: nothing is queued."""
        return 0.0 if self._changed_mentors else self._waiting.seconds_until_others(now=self._clock.monotonic())

    async def renew_own(self) -> Collection[int]:
        """Renews one chunk of own changes. Returns shards lost to another holder, as does `renew_others`."""
        renewals = self._waiting.next_own(_CHUNK)
        lost = await self._renew(renewals, bulk=len(renewals) > _URGENT_COUNT)
        now = self._clock.monotonic()
        for renewal in renewals:
            self._watch.own_change_took(now - renewal.at)
        return lost

    async def renew_others(self) -> Collection[int]:
        """Queues the lists that changed mentors touch, then renews one chunk of what is due."""
        await self._queue_touched_lists()
        renewals = self._waiting.next_others(_CHUNK, now=self._clock.monotonic())
        self._prepare(renewals)
        return await self._renew(renewals, bulk=True)

    def _prepare(self, renewals: Sequence[Renewal]) -> None:
        """Reads the lists that reserves can answer, as one batch per programme; a later change discards them."""
        for programme in {renewal.enrolment.programme for renewal in renewals}:
            mentees = [renewal.enrolment.mentee for renewal in renewals if renewal.enrolment.programme == programme]
            pool = self._network.pool(programme)
            pool.prepare([mentee for mentee in mentees if mentee in pool.mentees])

    def any_list(self, chance: int) -> Enrolment | None:
        """The list kept here that the number `chance` selects, modulo the count of lists; None where it is empty."""
        return self._network.any_list(chance)

    def settled(self, enrolment: Enrolment) -> "Settled | None":
        """The stored state of a list that has no renewal or write pending; None where one is pending."""
        pool, fence = self._pool(enrolment), self._fences.get(shard_of(enrolment.mentee))
        if (
            fence is None
            or self._changed_mentors
            or enrolment.id in self._in_flight
            or pool.is_awaited(enrolment.mentee)
        ):
            return None
        return Settled(pool.stored(enrolment.mentee), fence)

    def recomputed(self, enrolment: Enrolment) -> Shortlist:
        return self._pool(enrolment).searched(enrolment.mentee)

    def correct(self, snapshot: ListSnapshot) -> None:
        """Replaces the remembered state by the list in the store, and queues a renewal."""
        self._remember(snapshot)
        origin = Origin(None, self._clock.new_id())
        self._enqueue(Renewal(snapshot.enrolment, "others_change", origin, self._clock.monotonic()))

    async def _queue_touched_lists(self) -> None:
        for programme, mentor in list(self._changed_mentors)[:_MENTORS_PER_STEP]:
            origin, due = (
                self._changed_mentors.pop((programme, mentor)),
                self._clock.monotonic() + self._coalesce_seconds,
            )
            for mentee in self._network.pool(programme).touched(mentor):
                self._enqueue(Renewal(self._network.enrolment(programme, mentee), "others_change", origin, due))
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
            is_mass_change = bulk and self._clock.monotonic() - self._last_applied < 1
            await asyncio.sleep(_PAUSE_SECONDS if is_mass_change else 0)
        self._watch.computed(len(renewals))
        return lost | await self._write(written)

    async def _write(self, written: Sequence[Written]) -> set[int]:
        if not written:
            return set()
        try:
            await self._lists.write(await self._without_matched(written))
        except StaleVersion:  # another holder has written: its fence or version is newer than ours
            lost = {list_.shard for list_ in written}
            self.lose(lost)
            return lost
        finally:
            for list_ in written:
                self._in_flight.pop(list_.enrolment.id).set()
        self._watch.published(sum(list_.event is not None for list_ in written))
        return set()

    async def _without_matched(self, written: Sequence[Written]) -> Sequence[Written]:
        """Suppresses the notifications of mentees whom a round assigns: its publication takes mentors' seats before it
        reaches each mentee's own assignment.
        """
        events = [(list_.enrolment, list_.event) for list_ in written if list_.event and list_.event.recipients]
        news = [enrolment for enrolment, event in events if event.cause != "own_change"]
        matched = await self._lists.being_matched(news, since=self._clock.now() - _JUST_PUBLISHED) if news else ()
        return [_suppressed(list_) if list_.enrolment.id in matched else list_ for list_ in written]

    def _renewed(self, renewal: Renewal, *, bulk: bool) -> Written | None:
        """Computes and remembers the list; None where it is unchanged, or the shard was lost while this waited."""
        enrolment, shard = renewal.enrolment, shard_of(renewal.enrolment.mentee)
        if shard not in self._fences:
            return None
        pool = self._pool(enrolment)
        pool.set_renewal_queued(enrolment.mentee, queued=False)
        before, after = pool.stored(enrolment.mentee), pool.shortlist(enrolment.mentee)
        cause, origin = self._cause_of(renewal)
        own = self._own_changes.sequences(enrolment)
        if before.is_the_same(after, own):
            return None
        is_active, has_mentor = self._network.is_active(enrolment.mentee), self._network.has_enough_mentors(enrolment)
        event = change(before, after, of=enrolment, cause=cause, notifies_mentee=is_active, has_mentor=has_mentor)
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

    def _cause_of(self, renewal: Renewal) -> tuple[Cause, Origin]:
        """A renewal for another person's change may include a queued own change: then the own change is the cause."""
        if own := self._own_changes.pop(renewal.enrolment):
            return "own_change", own
        return "others_change" if renewal.cause == "own_change" else renewal.cause, renewal.origin

    def _remember(self, snapshot: ListSnapshot) -> None:
        pool = self._pool(snapshot.enrolment)
        pool.remember(snapshot.enrolment.mentee, snapshot.shortlist, version=snapshot.version, own=snapshot.own)

    def _enqueue(self, renewal: Renewal) -> None:
        if renewal.cause == "own_change":
            self._own_changes.add(renewal.enrolment, renewal.origin)
        self._waiting.add(renewal)
        self._pool(renewal.enrolment).set_renewal_queued(renewal.enrolment.mentee, queued=True)

    def _pool(self, enrolment: Enrolment) -> Pool:
        return self._network.pool(enrolment.programme)


def _suppressed(list_: Written) -> Written:
    return replace(list_, event=suppress(list_.event, "matched_in_round") if list_.event else None)
