"""Drafts beside today: what is counted, what is told of few people, and what becomes of a rehearsal."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.matching.kernel.participants import Institution, Person, Policy, Programme
from services.matching.simulations import lifecycle as life
from services.matching.simulations.comparison import Comparison, Listed, Lists, compare
from services.matching.simulations.lifecycle import Draft, Result, Simulation
from services.matching.simulations.worker import SimulationWorker, simulate
from services.matching.suggestions.index.network import Network
from shared.clock import SystemClock
from shared.contracts.profiles import programme_weights
from shared.errors import Conflict, Rejected, StaleVersion
from tests.unit.matching_people import CARE, EAST, NORTH, SOUTH, mentee, mentor, naive

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
CARE_OF_NORTH = Programme(id=CARE, institution=NORTH, sequence=4, admits=frozenset({NORTH, SOUTH}))
KNOWN = [
    Institution(id=NORTH, exchanges_with=frozenset({SOUTH})),
    Institution(id=SOUTH, exchanges_with=frozenset({NORTH})),
]


def network(*people: Person, programme: Programme = CARE_OF_NORTH) -> Network:
    one = Network(reserve=0)
    for state in (*KNOWN, programme):
        one.put(state)
    for person in people:
        one.put(person.private)
        one.put(person.member)
    return one


def ready(draft: Draft) -> tuple[Simulation, Result]:
    result = simulate(network(mentee("ana"), mentor("milo")), CARE, draft)
    return life.show(waiting(draft=draft), result), result


def test_what_is_not_named_in_a_draft_stays() -> None:
    today = life.rules_of(replace(CARE_OF_NORTH, weights={"topics": 50, "stage": 5}, minimum_score=20))
    drafted = life.drafted(today, Draft(weights={"stage": 90}, list_length=3))
    weights = programme_weights({"topics": 50, "stage": 90})
    assert (drafted.weights, drafted.list_length, drafted.minimum_score) == (weights, 3, 20)


def test_a_draft_of_what_is_there_already_is_refused() -> None:
    with pytest.raises(Rejected, match="change at least one weight or limit"):
        life.drafted(life.rules_of(CARE_OF_NORTH), Draft(list_length=10))


def test_who_would_come_and_go_is_counted() -> None:
    today = {
        "ana": Listed(("mara", "milo"), None, 80),
        "ben": Listed(("milo",), None, 40),
        "cleo": Listed((), "paused"),
    }
    draft = {"ana": Listed(("milo", "mara"), None, 70), "ben": Listed((), "below_minimum_score"), "cleo": today["cleo"]}
    home = dict.fromkeys(("ana", "ben", "cleo", "mara", "milo", "idle"), NORTH)
    told = compare(today, draft, seats=("mara", "milo", "idle"), home=home, owner=NORTH)
    churn = told.churn
    assert (churn.lists_changed, churn.first_changed, churn.entered, churn.left) == (2, 2, 0, 1)
    assert (churn.mentors_entering, churn.mentors_leaving) == (0, 0)
    assert told.today.unmatched == {"paused": 1}
    assert told.draft.unmatched == {"below_minimum_score": 1, "paused": 1}
    assert (told.today.mean_first_percent_thousandths, told.draft.mean_first_percent_thousandths) == (60_000, 70_000)
    assert told.today.load_gini_thousandths == 444, "lists of 0, 1 and 2"


def lists_of(*listed: str, by: str = "mara", paused: Sequence[str] = ()) -> dict[str, Listed]:
    return {**{one: Listed((by,), None, 50) for one in listed}, **{one: Listed((), "paused") for one in paused}}


def people(prefix: str, number: int) -> list[str]:
    return [f"{prefix}{n}" for n in range(number)]


def told_north(today: Lists, draft: Lists, *, mentors: Sequence[str] = ("mara",)) -> Comparison:
    """Members' ids begin with their institution's letter; mentors of north have names."""
    home = {one: {"s": SOUTH, "e": EAST}.get(one[0], NORTH) for one in (*today, *mentors)}
    return compare(today, draft, seats=mentors, home=home, owner=NORTH)


def test_few_people_of_another_institution_are_in_no_number() -> None:
    own = lists_of("ana", "ben", paused=("cleo",))
    alone = told_north(own, own)
    few = own | lists_of(*people("s", 4)) | lists_of(paused=people("e", 4))
    assert told_north(few, few) == alone
    assert (alone.today.mentees, alone.today.unmatched) == (3, {"paused": 1})
    assert [(one.mentee_institution, one.today, one.draft) for one in alone.flow] == [(NORTH, 2, 2)]


def test_people_of_another_institution_are_counted_in_fives_and_a_total_is_of_what_is_told() -> None:
    own = lists_of("ana")
    today = own | lists_of(*people("s", 9), paused=people("sp", 4))
    draft = own | lists_of(*people("s", 5), paused=[*people("s", 9)[5:], *people("sp", 4)])
    told = told_north(today, draft)
    assert (told.today.mentees, told.today.unmatched) == (1 + 5, {})
    assert (told.draft.mentees, told.draft.unmatched) == (1 + 5 + 5, {"paused": 5})
    assert (told.churn.lists_changed, told.churn.left) == (0, 0), "of four"
    assert [(one.mentee_institution, one.today, one.draft) for one in told.flow] == [(SOUTH, 5, 5), (NORTH, 1, 1)]


@pytest.mark.parametrize("by", ["mara", "sara"])
@pytest.mark.parametrize("fewer", [1, 6])
def test_one_person_more_or_less_of_another_institution_shows_in_no_count(by: str, fewer: int) -> None:
    """Neither beside few nor beside many; how evenly mentors stand on lists is of many, and shows it."""

    def told(number: int) -> Comparison:
        own, theirs = lists_of("ana", by="milo"), people("s", number)
        today, draft = own | lists_of(*theirs, by=by), own | lists_of(*theirs, by="milo")
        return told_north(today, draft, mentors=("mara", "milo", "sara"))

    def counts(one: Comparison) -> Comparison:
        sides = [replace(side, load_gini_thousandths=0) for side in (one.today, one.draft)]
        return replace(one, today=sides[0], draft=sides[1])

    assert counts(told(fewer)) == counts(told(fewer + 1))
    assert fewer > 1 or told(fewer) == told(fewer + 1) == told(0)


def test_fewer_than_five_mentors_of_another_institution_show_in_nothing() -> None:
    today = lists_of(*people("a", 6), by="mara")
    draft = lists_of(*people("a", 6), by="sara")
    few = told_north(today, draft, mentors=("mara", "milo", "sara"))
    assert (few.draft.mentors_listed, few.churn.mentors_entering) == (0, 0)
    assert (few.churn.lists_changed, few.churn.mentors_leaving) == (6, 1), "of the owner's people"
    assert [(one.mentor_institution, one.today, one.draft) for one in few.flow] == [(NORTH, 6, 0)]
    five = told_north(today, draft, mentors=("mara", "milo", *people("sr", 4), "sara"))
    assert [(one.mentor_institution, one.today, one.draft) for one in five.flow] == [(NORTH, 6, 0), (SOUTH, None, 5)]
    assert five.draft.load_gini_thousandths != few.draft.load_gini_thousandths


@pytest.mark.parametrize("seed", range(8))
def test_both_sides_are_what_plain_lists_would_be(seed: int) -> None:
    """Of the owner's people: the others are too few to be told of."""
    dice = random.Random(seed)
    people = [somebody(dice, f"p{number}", NORTH if number % 4 else SOUTH) for number in range(16)]
    draft = Draft(weights={"topics": dice.randrange(101), "stage": dice.randrange(101)}, minimum_score=60)
    result = simulate(network(*people), CARE, draft)
    institutions = {one.id: one for one in KNOWN}
    for rules, figures in ((result.today, result.comparison.today), (result.draft, result.comparison.draft)):
        policy = Policy(rules.of(CARE_OF_NORTH, sequence=4), institutions)
        own = [one for one in people if one.member.institution == NORTH and CARE in one.member.mentee_in]
        lists = [naive(one, people, policy) for one in own]
        assert figures.mentees == len(lists)
        assert sum(figures.unmatched.values()) == sum(not one.entries for one in lists)
        listed = {entry.mentor for one in lists for entry in one.entries}
        assert figures.mentors_listed == sum(one.member.institution == NORTH for one in people if one.id in listed)


def somebody(dice: random.Random, id: str, institution: str) -> Person:
    make = mentee if dice.random() < 0.5 else mentor
    return make(
        id,
        institution=institution,
        topics_wanted=frozenset(dice.sample("abcd", 2)),
        topics_offered=frozenset(dice.sample("abcd", 2)),
        stage=dice.choice(["student", "resident", "attending"]),
        across_institutions=dice.random() < 0.5,
        capacity=dice.choice([0, 1, 2]),
    )


def test_a_ready_draft_waits_for_the_programme_to_become_it() -> None:
    one, result = ready(Draft(weights={"topics": 10}))
    assert life.follow(one, CARE_OF_NORTH, now=NOW) is None
    became = result.draft.of(CARE_OF_NORTH, sequence=5)
    applied = life.follow(one, became, now=NOW)
    assert applied is not None
    assert (applied.state, applied.version) == ("applied", one.version + 1)
    assert life.follow(applied, replace(became, sequence=6, weights={}), now=NOW) is None


def test_any_other_change_of_the_programme_ends_it_and_so_does_time() -> None:
    one, _ = ready(Draft(list_length=1))
    changed = life.follow(one, replace(CARE_OF_NORTH, sequence=5), now=NOW)
    expired = life.follow(one, CARE_OF_NORTH, now=NOW + timedelta(days=14))
    assert [(seen.state, seen.reason) for seen in (changed, expired) if seen] == [
        ("dropped", "programme_changed"),
        ("dropped", "expired"),
    ]


@dataclass
class Shelf:
    """What waits, as the store would give it out."""

    waiting: list[Simulation]
    programme: Programme = CARE_OF_NORTH
    saved: list[Simulation] = field(default_factory=list)
    is_overtaken: bool = False

    async def policy(self, programme: str) -> Policy | None:
        return Policy(self.programme, {}) if programme == CARE else None

    async def next_to_simulate(self) -> Simulation | None:
        return self.waiting.pop() if self.waiting else None

    async def to_follow(self, *, now: datetime) -> list[Simulation]:  # noqa: ARG002 -- all: `follow` knows better
        return [one for one in self.saved if one.state == "ready"]

    async def save(self, rehearsal: Simulation) -> None:
        if self.is_overtaken:
            raise StaleVersion(found=9, expected=1)
        self.saved.append(rehearsal)


class Stage:
    async def simulate(self, rehearsal: Simulation) -> Result:
        return simulate(network(mentee("ana"), mentor("milo")), CARE, rehearsal.draft)


class Lease:
    seconds = 60.0

    def __init__(self, *, is_ours: bool = True) -> None:
        self.is_ours = is_ours

    async def take(self) -> bool:
        return self.is_ours


def waiting(**fields: Any) -> Simulation:
    usual: dict[str, Any] = {"institution": NORTH, "programme": CARE, "draft": Draft(list_length=1), "began_at": NOW}
    return Simulation(id="r", **{**usual, **fields})


def worked_off(shelf: Shelf, *, lease: Lease | None = None) -> list[str]:
    asyncio.run(SimulationWorker(shelf, Stage(), lease or Lease(), SystemClock()).work())
    return [one.reason or one.state for one in shelf.saved]


def test_what_waits_is_worked_out_and_one_that_ended_five_workers_is_given_up() -> None:
    assert worked_off(Shelf([waiting(), waiting(attempts=6)])) == ["given_up", "ready"]


def test_a_programme_that_is_the_draft_by_now_leaves_nothing_to_compare() -> None:
    assert worked_off(Shelf([waiting(draft=Draft(list_length=10))])) == ["programme_changed"]


def test_whoever_was_faster_is_not_overwritten_and_nothing_is_done_without_the_lease() -> None:
    assert worked_off(Shelf([waiting()], is_overtaken=True)) == []
    left = Shelf([waiting()])
    assert worked_off(left, lease=Lease(is_ours=False)) == []
    assert len(left.waiting) == 1


def test_what_is_applied_cannot_be_dropped() -> None:
    one, result = ready(Draft(list_length=1))
    applied = life.follow(one, result.draft.of(CARE_OF_NORTH, sequence=5), now=NOW)
    assert applied is not None
    with pytest.raises(Conflict, match="is applied"):
        life.drop(applied)
