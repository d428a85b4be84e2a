"""Incremental equals full: whatever happens, in whatever order it is heard, once all is quiet each list kept is the one
that plain loops make of the newest states, to the last contribution, and folding the events gives the same lists.

`./dev test --full` goes further.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.matching.kernel.participants import (
    Assessment,
    Bond,
    Experience,
    Institution,
    Member,
    Preferences,
    Programme,
    Terms,
)
from services.matching.kernel.shards import SHARDS, shard_of
from services.matching.suggestions.index.network import Network, State
from services.matching.suggestions.queue import Origin
from services.matching.suggestions.updater import Change, ListUpdater
from tests.depth import examples
from tests.unit.matching_people import (
    CARE,
    EAST,
    NORTH,
    SOUTH,
    WEEKLY,
    institutions,
    members,
    preferences,
    programmes,
)
from tests.unit.plain_matching import Plain, PlainList
from tests.unit.test_list_updater import COALESCE, ListsInMemory, Time, Unwatched

OTHER = "other"
PEOPLE = [f"p{number}" for number in range(14)]
seeds = st.integers(0, 2**32)
people, replicas, often = st.sampled_from(PEOPLE), st.sampled_from([0, 1]), st.sampled_from([True, True, False])
shards = st.sets(st.sampled_from(sorted({shard_of(person) for person in PEOPLE})), min_size=1)


class Replica:
    """One process: what it has heard so far, and what waits in its change stream."""

    def __init__(self, repository: ListsInMemory, time: Time, *, reserve: int) -> None:
        self.repository, self.time, self.reserve = repository, time, reserve
        self.feed: list[Change] = []
        self.updater = self.new_updater([])

    def new_updater(self, documents: Sequence[State]) -> ListUpdater:
        network = Network(reserve=self.reserve)
        for state in documents:
            network.put(state)
        return ListUpdater(network, self.repository, clock=self.time, coalesce_seconds=COALESCE, watch=Unwatched())

    def consume(self, count: int) -> None:
        self.updater.apply(self.feed[:count])
        del self.feed[:count]


class Lists(RuleBasedStateMachine):
    """Two replicas over one store. `documents` are the newest states, as the projections keep them."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.time, self.repository = Time(), ListsInMemory()
        self.documents: dict[tuple[type, str], State] = {}
        self.past: list[State] = []
        self.owner = dict.fromkeys(range(SHARDS), 0)
        self.fence = 1

    @initialize(reserve=st.sampled_from([1, 3, 64]), length=st.sampled_from([1, 2, 3]), seed=seeds)
    def begin(self, reserve: int, length: int, seed: int) -> None:
        self.replicas = [Replica(self.repository, self.time, reserve=reserve) for _ in range(2)]
        self.runner.run(self.replicas[0].updater.take(dict.fromkeys(range(SHARDS), 1)))
        everyone = frozenset({NORTH, SOUTH, EAST})
        for name in everyone:
            self.commit(Institution(id=name, exchanges_with=everyone))
        for name in (CARE, OTHER):
            self.commit(Programme(id=name, institution=NORTH, admits=everyone, list_length=length))
        dice = random.Random(seed)
        for who in PEOPLE:
            self.commit(_fitting(dice, who))
            self.commit(_wishes(dice, who))
        self.settle()

    def commit(self, state: State) -> None:
        """Into the projection, and into the change streams of both."""
        key = (type(state), state.member if isinstance(state, Preferences) else state.id)
        known = self.documents.get(key)
        state = replace(state, sequence=known.sequence + 1 if known else 1)
        self.documents[key] = state
        self.past.append(state)
        for replica in self.replicas:
            replica.feed.append(Change(state, Origin("event", "correlation")))

    def known(self, kind: type, id: str) -> Any:
        return self.documents.get((kind, id))

    # What people and institutions do.

    @rule(who=people, data=st.data())
    def joins_or_changes_everything(self, who: str, data: st.DataObject) -> None:
        self.commit(data.draw(members(id=who)))

    @rule(seed=seeds, count=st.integers(1, 5))
    def some_change_and_still_fit_each_other(self, seed: int, count: int) -> None:
        """Places are contested only where most pairs may meet."""
        dice = random.Random(seed)
        for _ in range(count):
            self.commit(_fitting(dice, dice.choice(PEOPLE)))

    @rule(who=people, fields=st.fixed_dictionaries({}, optional={
        "is_active": often, "is_paused": st.booleans(), "capacity": st.integers(0, 2), "across_institutions": often,
        "mentors_in": st.sampled_from([frozenset(), frozenset({CARE}), frozenset({CARE, OTHER})]),
        "mentee_in": st.sampled_from([frozenset(), frozenset({CARE}), frozenset({CARE, OTHER})]),
        "specialty": st.sampled_from(["cardiology", "nephrology", None]),
        "topics_offered": st.frozensets(st.sampled_from("abc")), "topics_wanted": st.frozensets(st.sampled_from("abc")),
        "stage": st.sampled_from(["resident", "attending"]),
    }))  # fmt: skip
    def changes_something(self, who: str, fields: dict[str, Any]) -> None:
        if known := self.known(Member, who):
            self.commit(replace(known, **fields))

    @rule(who=people)
    def is_erased(self, who: str) -> None:
        if known := self.known(Member, who):
            self.commit(Member(id=who, institution=known.institution, is_active=False))
            self.commit(Preferences(member=who))

    @rule(who=people, data=st.data())
    def changes_private_wishes(self, who: str, data: st.DataObject) -> None:
        self.commit(data.draw(preferences(id=who)))

    @rule(seed=seeds, count=st.integers(1, 5))
    def some_are_bound_to_each_other_or_no_more(self, seed: int, count: int) -> None:
        """A relationship, or a request, of one pair for good."""
        dice = random.Random(seed)
        for _ in range(count):
            number, binds = dice.randrange(30), dice.random() < 0.6
            mentee, mentor = f"p{number % 5 * 3}", f"p{number % 4 * 3 + 1 + number % 2}"
            seat = binds and dice.random() < 0.5
            self.commit(
                Bond(
                    id=f"b{number}",
                    mentee=mentee,
                    mentor=mentor,
                    exchange=_EXCHANGES[number % len(_EXCHANGES)],
                    sequence=0,
                    takes_seat=seat,
                    keeps_apart=binds,
                    both_ways=binds and not seat and dice.random() < 0.5,
                    awaits_answer=not binds and dice.random() < 0.5,
                )
            )

    @rule(seed=seeds, count=st.integers(1, 5))
    def some_begin_or_cease_to_assess_others(self, seed: int, count: int) -> None:
        """A rotation of two people for good: it counts here, there, in both programmes, or nowhere."""
        dice = random.Random(seed)
        for _ in range(count):
            number = dice.randrange(30)
            both = [f"p{number % 5 * 3}", f"p{number % 4 * 3 + 1 + number % 2}"]
            assessor, assessed = both if number % 3 else reversed(both)
            where = frozenset(dice.choice([(), (), (CARE,), (OTHER,), (CARE, OTHER)]))
            self.commit(Assessment(id=f"a{number}", assessor=assessor, assessed=assessed, sequence=0, programmes=where))

    @rule(seed=seeds, count=st.integers(1, 5))
    def some_are_found_more_or_less_content_with_as_mentors(self, seed: int, count: int) -> None:
        dice = random.Random(seed)
        for _ in range(count):
            self.commit(Experience(mentor=dice.choice(PEOPLE), sequence=0, level=dice.choice([0, 25, 50, 75, 100])))

    @rule(seed=seeds)
    def hardly_a_seat_is_left(self, seed: int) -> None:
        """Lists are empty, and why they are depends on who is left."""
        dice = random.Random(seed)
        mentors = [
            document for document in self.documents.values() if isinstance(document, Member) and document.mentors_in
        ]
        for mentor in mentors:
            self.commit(replace(mentor, capacity=int(dice.random() < 0.1), is_active=dice.random() < 0.3))

    @rule(seed=seeds, count=st.integers(1, 5))
    def some_say_what_they_wish(self, seed: int, count: int) -> None:
        dice = random.Random(seed)
        for _ in range(count):
            self.commit(_wishes(dice, dice.choice(PEOPLE)))

    @rule(name=st.sampled_from([CARE, OTHER]), seed=seeds)
    def a_programme_asks_for_another_least_score(self, name: str, seed: int) -> None:
        dice, known = random.Random(seed), self.known(Programme, name)
        self.commit(
            replace(known, is_active=True, minimum_score=dice.randrange(30, 70), list_length=dice.randrange(1, 4))
        )

    @rule(name=st.sampled_from([NORTH, SOUTH, EAST]), data=st.data())
    def an_institution_changes_whom_it_exchanges_with(self, name: str, data: st.DataObject) -> None:
        self.commit(data.draw(institutions(id=name)))

    @rule(name=st.sampled_from([NORTH, SOUTH]), ceiling=st.sampled_from([None, 0, 1, 2]))
    def an_institution_sets_a_ceiling_or_lifts_it(self, name: str, ceiling: int | None) -> None:
        everyone = frozenset({NORTH, SOUTH, EAST})
        terms = {partner: Terms(ceiling=ceiling) for partner in everyone - {name}}
        self.commit(Institution(id=name, exchanges_with=everyone, terms=terms))

    @rule(name=st.sampled_from([CARE, OTHER]), data=st.data())
    def a_programme_changes_its_policy(self, name: str, data: st.DataObject) -> None:
        self.commit(replace(data.draw(programmes()), id=name))

    # What the replicas do, and what happens to them.

    @rule(which=replicas, count=st.integers(1, 6))
    def a_replica_receives(self, which: int, count: int) -> None:
        self.replicas[which].consume(count)

    @precondition(lambda self: self.past)
    @rule(which=replicas, data=st.data())
    def a_replica_receives_an_old_state_again(self, which: int, data: st.DataObject) -> None:
        old = data.draw(st.sampled_from(self.past))
        key = (type(old), old.member if isinstance(old, Preferences) else old.id)
        if isinstance(old, Bond | Assessment):
            return  # their stream repeats the last states in order: see index/bonds.py
        if all(key != _key(waiting.state) for waiting in self.replicas[which].feed):
            self.replicas[which].updater.apply([Change(old, Origin("again", "correlation"))])

    @rule(which=replicas)
    def renews_own(self, which: int) -> None:
        if self.replicas[which].updater.has_own:
            self.runner.run(self.replicas[which].updater.renew_own())

    @rule(which=replicas, seconds=st.sampled_from([0.0, COALESCE / 2, COALESCE]))
    def renews_others(self, which: int, seconds: float) -> None:
        self.time.seconds += seconds
        self.runner.run(self.replicas[which].updater.renew_others())

    @rule(which=replicas, moved=shards)
    def shards_move_and_the_former_holder_has_not_noticed(self, which: int, moved: set[int]) -> None:
        self.fence += 1
        self.owner |= dict.fromkeys(moved, which)
        self.runner.run(self.replicas[which].updater.take(dict.fromkeys(moved, self.fence)))

    @rule(which=replicas)
    def notices_what_it_lost(self, which: int) -> None:
        updater = self.replicas[which].updater
        updater.lose([shard for shard in list(updater.fences) if self.owner[shard] != which])

    @rule(which=replicas, lost=st.booleans())
    def restarts_or_loses_its_streams_history(self, which: int, *, lost: bool) -> None:
        """A new scan either way. What the old stream still held comes again, or is lost with it."""
        replica = self.replicas[which]
        replica.updater = replica.new_updater(list(self.documents.values()))
        if lost:
            replica.feed.clear()
        mine = [shard for shard, owner in self.owner.items() if owner == which]
        self.fence += 1
        self.runner.run(replica.updater.take(dict.fromkeys(mine, self.fence)))

    # What has to be true.

    @rule()
    def settles(self) -> None:
        self.settle()

    def settle(self) -> None:
        for which, replica in enumerate(self.replicas):
            replica.consume(len(replica.feed))
            self.notices_what_it_lost(which)
            self.retakes_what_it_let_go(which)
        for replica in self.replicas:
            self.runner.run(self.quiet(replica.updater))
        plain = self.plain()
        for programme in (CARE, OTHER):
            for who in PEOPLE:
                self.check(programme, who, plain.list_of(programme, who))

    def retakes_what_it_let_go(self, which: int) -> None:
        """A refused write lets go of a shard that the lease still says is its own: the next look takes it again."""
        updater = self.replicas[which].updater
        gone = [shard for shard, owner in self.owner.items() if owner == which and shard not in updater.fences]
        if gone:
            self.fence += 1
            self.runner.run(updater.take(dict.fromkeys(gone, self.fence)))

    async def quiet(self, updater: ListUpdater) -> None:
        while updater.has_own or (wait := updater.seconds_until_others()) is not None:
            while updater.has_own:
                assert not await updater.renew_own()
            if (wait := updater.seconds_until_others()) is not None:
                self.time.seconds += wait
                assert not await updater.renew_others()

    def plain(self) -> Plain:
        def of(kind: type) -> dict[str, Any]:
            return {id: state for (known, id), state in self.documents.items() if known is kind}

        return Plain(
            of(Institution), of(Programme), of(Member), of(Preferences), of(Bond), of(Assessment), of(Experience)
        )

    def check(self, programme: str, who: str, expected: PlainList) -> None:
        found = self.repository.lists.get(f"{programme}.{who}")
        entries = found.shortlist.entries if found else ()
        stored = tuple((entry.mentor, entry.institution, entry.score, entry.contributions) for entry in entries)
        assert PlainList(stored, found.shortlist.unmatched if found else None) == expected, (programme, who)
        published = [
            event.event
            for event in self.repository.events
            if event.event and event.enrolment.id == f"{programme}.{who}"
        ]
        from_events = tuple(ranked.mentor for ranked in published[-1].ranked) if published else ()
        assert (from_events, published[-1].unmatched if published else None) == (
            tuple(e[0] for e in stored),
            expected.unmatched,
        )
        assert [event.version for event in published] == list(range(1, len(published) + 1))

    @invariant()
    def every_event_is_a_step_from_the_one_before(self) -> None:
        for event in self.repository.events[-3:]:
            assert event.version == event.replaces + 1

    def teardown(self) -> None:
        try:
            if hasattr(self, "replicas"):
                self.settle()
        finally:
            self.runner.close()


def _key(state: State) -> tuple[type, str]:
    return type(state), state.member if isinstance(state, Preferences) else state.id


_EXCHANGES = [None, (NORTH, SOUTH), (SOUTH, NORTH)]


def _fitting(dice: random.Random, who: str) -> Member:
    """A third are mentees, half are of either institution; topics, specialty and stage vary, so that scores differ and
    are often equal.
    """
    role = "mentee_in" if int(who[1:]) % 3 == 0 else "mentors_in"
    fields: dict[str, Any] = {role: frozenset({CARE, OTHER} if dice.random() < 0.8 else {CARE})}
    return Member(
        id=who,
        institution=SOUTH if int(who[1:]) % 2 else NORTH,
        across_institutions=dice.random() < 0.9,
        is_active=dice.random() < 0.95,
        topics_wanted=frozenset(dice.sample("abc", 2)),
        topics_offered=frozenset(dice.sample("abc", 2)),
        specialty=dice.choice(["cardiology", "nephrology", "surgery"]),
        stage=dice.choice(["resident", "attending"]),
        languages=frozenset({"en"}),
        formats=frozenset({"video"}),
        hours=2,
        capacity=dice.choice([0, 1, 2, 3, 3]),
        style=dice.choice(["coach", "listener"]),
        available=frozenset(dice.sample(WEEKLY, 1)),
        reverse_mentoring=dice.random() < 0.2,
        **fields,
    )


def _wishes(dice: random.Random, who: str) -> Preferences:
    return Preferences(
        member=who,
        never=frozenset(dice.sample(PEOPLE, dice.choice([0, 0, 0, 2]))),
        weights={name: dice.randrange(101) for name in ("topics", "experience", "identity")},
        topics_most_wanted=frozenset(dice.sample("abc", 1)),
        identity=frozenset(dice.sample(["parent", "first-generation"], 1)),
        wishes_shared_identity=dice.random() < 0.5,
    )


TestLists = Lists.TestCase
TestLists.settings = settings(examples(100), stateful_step_count=50)
