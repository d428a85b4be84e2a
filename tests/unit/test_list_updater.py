"""Lists follow changes: at once for whom the change is about, gathered for others, and equal to a full computation."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from services.matching.kernel.participants import Bond, Institution, Member, Person, Policy, Preferences, Programme
from services.matching.kernel.shards import SHARDS, shard_of
from services.matching.suggestions.domain import NOT_ENROLLED, Enrolment, Shortlist
from services.matching.suggestions.index.network import Network, State
from services.matching.suggestions.queue import Origin
from services.matching.suggestions.updater import Change, ListSnapshot, ListUpdater, Written
from shared.errors import StaleVersion
from tests.unit.matching_people import (
    CARE,
    NORTH,
    SOUTH,
    bound,
    mentee,
    mentor,
    naive,
    policy,
)

COALESCE = 5.0


class Time:
    def __init__(self) -> None:
        self.seconds = 100.0
        self.ids = 0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    def new_id(self) -> str:
        self.ids += 1
        return f"id-{self.ids}"


class ListsInMemory:
    """Lists in memory, as strict as the real store."""

    def __init__(self) -> None:
        self.lists: dict[str, Written] = {}
        self.fences = dict.fromkeys(range(SHARDS), 0)
        self.events: list[Written] = []
        self.origins: dict[str, Origin] = {}
        self.matched: set[str] = set()
        self.writes = 0

    async def take_over(self, fences: Mapping[int, int]) -> Sequence[ListSnapshot]:
        self.fences |= fences
        return [_found(written) for written in self.lists.values() if written.shard in fences]

    async def own_origins(self, *, profiles: Collection[str], preferences: Collection[str]) -> Mapping[str, Origin]:
        return {written: self.origins[written] for written in {*profiles, *preferences} if written in self.origins}

    async def being_matched(self, enrolments: Sequence[Enrolment], *, since: datetime) -> Collection[str]:
        assert since.tzinfo is UTC
        return self.matched.intersection(written.id for written in enrolments)

    async def stored(self, enrolment: Enrolment, *, fence: int) -> ListSnapshot | None:
        written = self.lists.get(enrolment.id)
        if written is None or self.fences[written.shard] != fence:
            return None
        return _found(written)

    async def write(self, written: Sequence[Written]) -> None:
        for row in written:
            stored = self.lists.get(row.enrolment.id)
            version = stored.version if stored else 0
            if version != row.replaces or self.fences[row.shard] != row.fence:
                raise StaleVersion(found=version, expected=row.replaces)
        for row in written:
            self.writes += 1
            self.lists[row.enrolment.id] = row
            self.events += [row] if row.event else []

    def shortlist(self, mentee: str) -> Shortlist:
        written = self.lists.get(f"{CARE}.{mentee}")
        return written.shortlist if written else NOT_ENROLLED

    def from_events(self, mentee: str) -> tuple[tuple[str, ...], str | None]:
        """What somebody knows who heard the events only."""
        events = [written.event for written in self.events if written.event and written.event.mentee == mentee]
        return (tuple(written.mentor for written in events[-1].ranked), events[-1].unmatched) if events else ((), None)


def _found(written: Written) -> ListSnapshot:
    return ListSnapshot(written.enrolment, written.shortlist, written.version, written.own)


class Unwatched:
    def computed(self, lists: int) -> None: ...

    def published(self, events: int) -> None: ...

    def own_change_took(self, seconds: float) -> None: ...


class World:
    def __init__(self, repository: ListsInMemory | None = None) -> None:
        self.time, self.repository = Time(), repository or ListsInMemory()
        self.updater = self.new_updater()
        self.sequence = 0

    def new_updater(self, network: Network | None = None) -> ListUpdater:
        return ListUpdater(
            network or Network(reserve=4),
            self.repository,
            clock=self.time,
            coalesce_seconds=COALESCE,
            watch=Unwatched(),
        )

    async def start(self, *, fence: int = 1) -> None:
        await self.updater.take(dict.fromkeys(range(SHARDS), fence))

    async def change(self, *states: State, event: str = "event") -> None:
        self.updater.apply(Change(state, Origin(event, f"{event}-correlation")) for state in states)
        await self.work()

    async def work(self) -> None:
        while self.updater.has_own:
            await self.updater.renew_own()
        while self.updater.seconds_until_others() == 0:
            await self.updater.renew_others()

    async def pass_time(self) -> None:
        while (wait := self.updater.seconds_until_others()) is not None:
            self.time.seconds += wait
            await self.updater.renew_others()


@pytest.fixture
async def world() -> World:
    world = World()
    await world.start()
    await world.change(*policy().institutions.values(), policy().programme)
    return world


def member(person: Person) -> Member:
    return person.member


def later(person: Person, sequence: int, **fields: Any) -> Member:
    return replace(person.member, sequence=sequence, **fields)


async def test_a_persons_own_change_is_published_at_once_to_them_and_tied_to_its_cause(world: World) -> None:
    await world.change(member(mentor()))
    await world.change(member(mentee()), event="joined")
    [written] = world.repository.events
    assert written.event is not None
    assert [entry.mentor for entry in written.event.ranked] == ["milo"]
    assert [recipient.member for recipient in written.event.recipients] == ["ana"]
    assert (written.event.cause, written.bulk) == ("own_change", False)
    assert (written.trace.causation_id, written.trace.correlation_id) == ("joined", "joined-correlation")


async def test_changes_by_others_are_collected_for_some_seconds(world: World) -> None:
    await world.change(member(mentee()))
    await world.change(member(mentor("milo")), event="first")
    await world.change(member(mentor("mara")), event="second")
    assert (len(world.repository.events), world.updater.waiting) == (1, 1)
    await world.pass_time()
    assert world.updater.waiting == 0
    written = world.repository.events[-1]
    assert written.event is not None
    assert set(written.event.entered) == {"milo", "mara"}
    assert (len(world.repository.events), written.event.cause, written.bulk) == (2, "others_change", True)
    assert written.trace.causation_id == "first"


async def test_a_mentor_without_capacity_leaves_every_list(world: World) -> None:
    await world.change(member(mentor()), member(mentee()))
    await world.change(later(mentor(), 2, capacity=0))
    await world.pass_time()
    event = world.repository.events[-1].event
    assert event is not None
    assert (event.left, event.unmatched) == (("milo",), "not_available")


async def test_scores_change_the_stored_list_without_an_event(world: World) -> None:
    await world.change(member(mentor()), member(mentee(specialty="cardiology")))
    before = world.repository.lists[f"{CARE}.ana"]
    await world.change(later(mentor(), 2, specialty="cardiology"))
    await world.pass_time()
    after = world.repository.lists[f"{CARE}.ana"]
    assert after.shortlist.entries[0].score > before.shortlist.entries[0].score
    assert (after.version, len(world.repository.events)) == (before.version, 1)


async def test_a_mentee_who_leaves_the_programme_is_notified_but_not_an_erased_mentee(world: World) -> None:
    await world.change(member(mentor()), member(mentee("ana")), member(mentee("ben")))
    await world.change(later(mentee("ana"), 2, mentee_in=frozenset()))
    await world.change(Member(id="ben", institution=NORTH, sequence=2, is_active=False))
    ana, ben = (event.event for event in world.repository.events[-2:])
    assert ana is not None
    assert ben is not None
    assert (ana.ranked, ana.unmatched, [recipient.member for recipient in ana.recipients]) == ((), None, ["ana"])
    assert (ben.ranked, ben.unmatched, ben.recipients) == ((), None, ())


async def test_a_full_mentor_leaves_every_list_and_a_freed_seat_brings_them_back(world: World) -> None:
    await world.change(member(mentor()), member(mentee("ana")), member(mentee("ben")))
    await world.pass_time()
    together = Bond(id="r", mentee="ana", mentor="milo", sequence=1, takes_seat=True, keeps_apart=True)
    await world.change(together, event="accepted")
    await world.pass_time()
    ana, ben = (world.repository.from_events(who) for who in ("ana", "ben"))
    assert (ana, ben) == (((), "not_available"), ((), "not_available"))
    assert world.repository.events[-1].trace.causation_id == "accepted"
    await world.change(replace(together, sequence=2, takes_seat=False, keeps_apart=False))
    await world.pass_time()
    assert [world.repository.from_events(who) for who in ("ana", "ben")] == [(("milo",), None), (("milo",), None)]


async def test_a_reordering_caused_by_pending_requests_is_published_without_notification(
    world: World,
) -> None:
    await world.change(member(mentor("milo")), member(mentor("mara")), member(mentee("ana")))
    await world.pass_time()
    first, second = world.repository.from_events("ana")[0]
    await world.change(Bond(id="r", mentee="ben", mentor=first, sequence=1, awaits_answer=True), event="asked")
    await world.pass_time()
    assert world.repository.from_events("ana")[0] == (second, first)
    written = world.repository.events[-1]
    assert written.event is not None
    assert (written.event.recipients, written.trace.causation_id) == ((), "asked")
    await world.change(later(mentor(first), 2, capacity=0))
    await world.pass_time()
    assert world.repository.events[-1].event is not None
    assert [recipient.member for recipient in world.repository.events[-1].event.recipients] == ["ana"]


async def test_a_mentee_who_has_a_mentor_in_the_programme_is_notified_of_no_others_change(ordered: World) -> None:
    match = Bond(id="r", mentee="ana", mentor="milo", programme=CARE, sequence=1, takes_seat=True, keeps_apart=True)
    await ordered.change(match)
    await ordered.pass_time()
    last = ordered.repository.events[-1].event
    assert last is not None
    assert (last.left, last.recipients, last.suppressed) == (("milo",), (), "has_mentor")
    await ordered.change(later(ANA, 2, specialty="surgery", languages=frozenset({"fi"})))
    assert last_announcement(ordered)[:2] == ("own_change", ["ana"])
    await ordered.change(later(ANA, 3, specialty="surgery"))
    await ordered.change(replace(match, sequence=2, takes_seat=False, keeps_apart=False))
    await ordered.pass_time()
    assert last_announcement(ordered)[:2] == ("others_change", ["ana"])


async def test_a_mentee_who_wants_one_more_mentor_is_still_notified(ordered: World) -> None:
    await ordered.change(later(ANA, 2, mentors_wanted=2))
    match = Bond(id="r", mentee="ana", mentor="milo", programme=CARE, sequence=1, takes_seat=True, keeps_apart=True)
    await ordered.change(match)
    await ordered.pass_time()
    assert last_announcement(ordered)[:2] == ("others_change", ["ana"])


async def test_a_mentor_in_another_programme_suppresses_no_notification(ordered: World) -> None:
    await ordered.change(
        Bond(id="r", mentee="ana", mentor="milo", programme="other", sequence=1, takes_seat=True, keeps_apart=True)
    )
    await ordered.pass_time()
    assert last_announcement(ordered)[:2] == ("others_change", ["ana"])


async def test_a_mentee_matched_by_an_unfinished_publication_is_not_notified_of_full_mentors(
    ordered: World,
) -> None:
    ordered.repository.matched = {f"{CARE}.ana"}
    await ordered.change(later(HEART, 2, capacity=0))
    await ordered.pass_time()
    last = ordered.repository.events[-1].event
    assert last is not None
    assert (last.left, last.recipients, last.suppressed) == (("milo",), (), "matched_in_round")


async def test_a_pair_kept_apart_is_suggested_the_other_way_round(world: World) -> None:
    both = frozenset({CARE})
    ana, milo = (member(mentee(id, mentors_in=both, capacity=2)) for id in ("ana", "milo"))
    await world.change(ana, milo, Bond(id="r", mentee="ana", mentor="milo", sequence=1, keeps_apart=True))
    await world.pass_time()
    assert [world.repository.from_events(who)[0] for who in ("ana", "milo")] == [(), ("ana",)]


async def test_an_older_state_that_comes_late_changes_nothing(world: World) -> None:
    await world.change(member(mentor()), later(mentee(), 5))
    await world.change(later(mentee(), 4, is_active=False))
    assert len(world.repository.events) == 1


async def test_a_new_shard_holder_publishes_differences_only(world: World) -> None:
    await world.change(member(mentor()), member(mentee("ana")))
    network = Network(reserve=4)
    people = (mentor(), mentee("ana"), mentee("ben"))
    for state in (*policy().institutions.values(), policy().programme, *(person.member for person in people)):
        network.put(state)
    world.updater = world.new_updater(network)
    world.repository.origins["ben"] = Origin("joined", "the-request")
    await world.start(fence=2)
    await world.work()
    published = [event.event for event in world.repository.events if event.event]
    assert [(event.mentee, event.cause) for event in published] == [("ana", "own_change"), ("ben", "own_change")]
    assert world.repository.events[-1].trace.causation_id == "joined"


def successor(world: World, *states: State) -> None:
    """A holder with these people in its index, of whom the former one may have known older states."""
    network = Network(reserve=4)
    for state in (*policy().institutions.values(), policy().programme, *states):
        network.put(state)
    world.updater = world.new_updater(network)


HEART, KNIFE = mentor("milo", specialty="cardiology"), mentor("mara", specialty="surgery")
ANA = mentee("ana", specialty="cardiology")


@pytest.fixture
async def ordered(world: World) -> World:
    """Ana's list names the cardiologist first, the surgeon second."""
    await world.change(member(HEART), member(KNIFE), member(ANA))
    await world.pass_time()
    assert world.repository.from_events("ana")[0] == ("milo", "mara")
    return world


def last_announcement(world: World) -> tuple[str, list[str], str | None, str]:
    """Cause, recipients, causation id and correlation id."""
    last = world.repository.events[-1]
    assert last.event is not None
    recipients = [recipient.member for recipient in last.event.recipients]
    return last.event.cause, recipients, last.trace.causation_id, last.trace.correlation_id


async def test_the_next_holder_announces_an_own_change_even_if_it_only_reorders(
    ordered: World,
) -> None:
    successor(ordered, member(HEART), member(KNIFE), later(ANA, 2, specialty="surgery"))
    ordered.repository.origins["ana"] = Origin("changed", "the-request")
    await ordered.start(fence=2)
    await ordered.work()
    assert ordered.repository.from_events("ana")[0] == ("mara", "milo")
    assert last_announcement(ordered) == ("own_change", ["ana"], "changed", "the-request")
    await ordered.start(fence=3)
    await ordered.work()
    assert len(ordered.repository.events) == 2


async def test_the_next_holder_announces_changed_weights_with_their_own_origin(ordered: World) -> None:
    await ordered.change(later(HEART, 2, specialty="surgery", topics_offered=frozenset()))
    await ordered.pass_time()
    assert ordered.repository.from_events("ana")[0] == ("mara", "milo")
    wishes = Preferences(member="ana", sequence=1, weights={"topics": 0, "specialty": 0, "load": 0, "stage": 100})
    people = (later(HEART, 2, specialty="surgery", topics_offered=frozenset(), stage="attending"), member(KNIFE))
    successor(ordered, *people, replace(ANA.member, stage="resident"), wishes)
    ordered.repository.origins["ana"] = Origin("weighed", "the-request")
    await ordered.start(fence=2)
    await ordered.work()
    assert ordered.repository.from_events("ana")[0] == ("milo", "mara")
    assert last_announcement(ordered) == ("own_change", ["ana"], "weighed", "the-request")


async def test_an_own_change_costs_one_list_write_even_if_it_alters_nothing(ordered: World) -> None:
    writes = ordered.repository.writes
    for sequence in (2, 3, 4):
        await ordered.change(later(ANA, sequence, capacity=sequence))
    assert (ordered.repository.writes - writes, len(ordered.repository.events)) == (3, 1)
    await ordered.start(fence=2)
    await ordered.work()
    assert ordered.repository.writes - writes == 3, "a takeover that finds nothing new writes nothing"


async def test_others_changes_that_a_failover_delayed_are_not_taken_for_the_mentees_own(ordered: World) -> None:
    await ordered.change(later(ANA, 2, time_zone="Europe/Berlin"))
    successor(
        ordered,
        later(HEART, 2, specialty="surgery"),
        later(KNIFE, 2, specialty="cardiology"),
        later(ANA, 2, time_zone="Europe/Berlin"),
    )
    await ordered.start(fence=2)
    await ordered.work()
    assert ordered.repository.from_events("ana")[0] == ("mara", "milo")
    cause, recipients, *_ = last_announcement(ordered)
    assert (cause, recipients) == ("takeover", [])


async def test_an_own_change_that_anothers_renewal_covers_is_announced_as_own(ordered: World) -> None:
    ordered.updater.apply([Change(later(KNIFE, 2, time_zone="Europe/Berlin"), Origin("other", "other"))])
    await ordered.updater.renew_others()
    ordered.time.seconds += COALESCE
    ordered.updater.apply([Change(later(ANA, 2, specialty="surgery"), Origin("changed", "the-request"))])
    await ordered.updater.renew_others()
    assert last_announcement(ordered) == ("own_change", ["ana"], "changed", "the-request")
    await ordered.work()
    assert len(ordered.repository.events) == 2


async def test_a_list_ahead_of_its_mentees_profile_waits_for_the_record_and_is_announced_once(ordered: World) -> None:
    changed = later(ANA, 2, specialty="surgery")
    await ordered.change(changed, event="changed")
    successor(ordered, member(HEART), member(KNIFE), member(ANA))
    await ordered.start(fence=2)
    await ordered.work()
    assert (len(ordered.repository.events), ordered.updater.waiting) == (2, 1)
    await ordered.change(changed, event="changed")
    await ordered.pass_time()
    assert (len(ordered.repository.events), ordered.updater.waiting) == (2, 0)


async def test_a_list_ahead_of_a_record_that_never_arrives_is_computed_from_known_state(ordered: World) -> None:
    await ordered.change(later(ANA, 2, specialty="surgery"), event="changed")
    successor(ordered, member(HEART), member(KNIFE), member(ANA))
    await ordered.start(fence=2)
    await ordered.pass_time()
    assert ordered.repository.from_events("ana")[0] == ("milo", "mara")


async def test_an_own_change_that_arrives_during_a_takeover_is_announced(ordered: World) -> None:
    changed = Change(later(ANA, 2, specialty="surgery"), Origin("changed", "the-request"))

    class Busy(ListsInMemory):
        async def take_over(self, fences: Mapping[int, int]) -> Sequence[ListSnapshot]:
            found = await super().take_over(fences)
            ordered.updater.apply([changed])
            await ordered.updater.renew_own()
            return found

    busy = Busy()
    busy.lists, busy.events = ordered.repository.lists, ordered.repository.events
    ordered.repository = busy
    successor(ordered, member(HEART), member(KNIFE), member(ANA))
    await ordered.start(fence=2)
    await ordered.work()
    assert last_announcement(ordered) == ("own_change", ["ana"], "changed", "the-request")


async def test_a_list_from_an_older_release_is_written_once_and_not_announced(ordered: World) -> None:
    stored = ordered.repository.lists[f"{CARE}.ana"]
    ordered.repository.lists[f"{CARE}.ana"] = replace(stored, own=None)
    successor(ordered, member(HEART), member(KNIFE), later(ANA, 2, time_zone="Europe/Berlin"))
    await ordered.start(fence=2)
    await ordered.work()
    assert len(ordered.repository.events) == 1
    assert ordered.repository.lists[f"{CARE}.ana"].own == (2, 0)


async def test_a_holder_that_lost_its_lease_writes_nothing_and_releases_its_shards(world: World) -> None:
    await world.change(member(mentor()))
    world.repository.fences[shard_of("ana")] = 2
    world.updater.apply([Change(member(mentee()), Origin("event", "correlation"))])
    assert list(await world.updater.renew_own()) == [shard_of("ana")]
    assert shard_of("ana") not in world.updater.fences
    assert world.repository.lists == {}


async def test_one_institutions_import_does_not_hold_up_anothers_single_change(world: World) -> None:
    crowd = [member(mentee(f"crowd-{number}")) for number in range(500)]
    world.updater.apply(Change(state, Origin("import", "import")) for state in crowd)
    world.updater.apply([Change(member(mentee("ana", institution="south")), Origin("alone", "alone"))])
    await world.updater.renew_own()
    assert "care.ana" in world.repository.lists
    assert len(world.repository.lists) < 40


def _walk(seed: int) -> Iterator[State | Literal["time", "takeover"]]:
    """A year in a small programme: most people fit each other, so that lists are full and places contested."""
    dice = random.Random(seed)
    yield from (_institution(dice, id) for id in (NORTH, SOUTH))
    yield policy(list_length=2).programme
    yield from (_someone(dice, f"p{number}") for number in range(20))
    for _ in range(110):
        what = dice.random()
        if what < 0.45:
            yield _someone(dice, f"p{dice.randrange(20)}")
        elif what < 0.65:
            yield _bond(dice, dice.randrange(30))
        elif what < 0.75:
            yield _wishes(dice, f"p{dice.randrange(20)}")
        elif what < 0.78:
            yield _institution(dice, dice.choice([NORTH, SOUTH]))
        elif what < 0.81:
            fields = {"list_length": dice.choice([1, 2, 3]), "minimum_score": dice.choice([0, 40])}
            yield policy(admits=frozenset({NORTH, SOUTH}), weights={"topics": dice.randrange(100)}, **fields).programme
        else:
            yield "takeover" if what > 0.99 else "time"


def _someone(dice: random.Random, id: str) -> Member:
    role = "mentors_in" if int(id[1:]) % 2 else "mentee_in"
    return Member(
        id=id,
        institution=SOUTH if int(id[1:]) % 5 == 0 else NORTH,
        is_active=dice.random() < 0.9,
        is_paused=dice.random() < 0.1,
        **{role: frozenset({CARE} if dice.random() < 0.9 else ())},
        specialty=dice.choice(["cardiology", "surgery"]),
        topics_offered=frozenset(dice.sample(["a", "b", "c", "d"], 2)),
        topics_wanted=frozenset(dice.sample(["a", "b", "c", "d"], 2)),
        languages=frozenset({"en"} if dice.random() < 0.9 else {"de"}),
        formats=frozenset({"video"}),
        hours=2,
        capacity=dice.choice([0, 1, 1, 1]),
        across_institutions=True,
    )


def _bond(dice: random.Random, number: int) -> Bond:
    """Two people's, for ever; what it does comes and goes."""
    takes_seat = dice.random() < 0.5
    mentee, mentor = f"p{number * 2 % 20}", f"p{(number * 6 + 1) % 20}"
    keeps_apart = takes_seat or dice.random() < 0.4
    return Bond(
        id=f"b{number}",
        mentee=mentee,
        mentor=mentor,
        sequence=1,
        takes_seat=takes_seat,
        keeps_apart=keeps_apart,
        awaits_answer=not keeps_apart and dice.random() < 0.5,
    )


def _wishes(dice: random.Random, id: str) -> Preferences:
    never = frozenset(f"p{dice.randrange(20)}" for _ in range(dice.randrange(3)))
    return Preferences(member=id, never=never, weights={"specialty": dice.randrange(100)})


def _institution(dice: random.Random, id: str) -> Institution:
    exchanging = frozenset({NORTH, SOUTH}) if dice.random() < 0.7 else frozenset()
    return Institution(id=id, is_active=dice.random() < 0.95, exchanges_with=exchanging)


class SlowLists(ListsInMemory):
    """Writes take a moment, so that the two lanes meet."""

    async def write(self, written: Sequence[Written]) -> None:
        for _ in range(len(written) % 3 + 1):
            await asyncio.sleep(0)
        await super().write(written)


@pytest.mark.parametrize("seed", range(20))
async def test_two_concurrent_queues_write_lists_in_order_and_equal_a_full_computation(seed: int) -> None:
    world = World(SlowLists())
    await world.start()
    newest: dict[tuple[type, str], State] = {}
    lanes = [asyncio.create_task(_lane(renew)) for renew in (world.updater.renew_own, world.updater.renew_others)]
    for sequence, change in enumerate(_walk(seed), 1):
        if not isinstance(change, str):
            state = replace(change, sequence=sequence)
            newest[type(state), state.member if isinstance(state, Preferences) else state.id] = state
            world.updater.apply([Change(state, Origin("event", "correlation"))])
        await _breathe(sequence % 7)
        world.time.seconds += sequence % 3
    for _ in range(20):
        world.time.seconds += COALESCE
        await _breathe(200)
    for lane in lanes:
        lane.cancel()
    for ended in await asyncio.gather(*lanes, return_exceptions=True):
        assert isinstance(ended, asyncio.CancelledError), ended
    _assert_equal_to_full(world, list(newest.values()))


async def _lane(renew: Callable[[], Awaitable[Collection[int]]]) -> None:
    while True:
        await asyncio.sleep(0)
        assert not await renew()


async def _breathe(times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(30))
async def test_incremental_lists_and_replayed_events_equal_a_full_computation(seed: int) -> None:
    world = World()
    await world.start()
    newest: dict[tuple[type, str], State] = {}
    for sequence, change in enumerate(_walk(seed), 1):
        if change == "time":
            world.time.seconds += COALESCE / 2
            await world.work()
        elif change == "takeover":
            await world.start(fence=sequence)
        else:
            state = replace(change, sequence=sequence)
            newest[type(state), state.member if isinstance(state, Preferences) else state.id] = state
            await world.change(state)
    await world.pass_time()
    assert len(world.repository.events) > 20
    _assert_equal_to_full(world, list(newest.values()))


def _assert_equal_to_full(world: World, states: Sequence[State]) -> None:
    programme = next(state for state in states if isinstance(state, Programme))
    wishes = {state.member: state for state in states if isinstance(state, Preferences)}
    bonds = [state for state in states if isinstance(state, Bond)]
    people = [bound(state, wishes.get(state.id), bonds) for state in states if isinstance(state, Member)]
    policy = Policy(programme, {state.id: state for state in states if isinstance(state, Institution)})
    for person in people:
        expected = naive(person, people, policy)
        assert world.repository.shortlist(person.id) == expected
        assert world.repository.from_events(person.id) == (expected.mentors, expected.unmatched)
