"""Simulations: the comparison of a draft with today, and the states of a simulation."""

import asyncio
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.matching.kernel.participants import Institution, Person, Policy, Programme
from services.matching.simulations import lifecycle as life
from services.matching.simulations.comparison import Listed, compare
from services.matching.simulations.lifecycle import Draft, Result, Simulation
from services.matching.simulations.worker import SimulationWorker, simulate
from services.matching.suggestions.index.network import Network
from shared.clock import SystemClock
from shared.contracts.profiles import programme_weights
from shared.errors import Conflict, Rejected, StaleVersion
from tests.unit.matching_people import CARE, NORTH, SOUTH, mentee, mentor, naive

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
CARE_OF_NORTH = Programme(id=CARE, institution=NORTH, sequence=4, admits=frozenset({NORTH, SOUTH}))
KNOWN = [
    Institution(id=NORTH, exchanges_with=frozenset({SOUTH})),
    Institution(id=SOUTH, exchanges_with=frozenset({NORTH})),
]


def network(*people: Person, programme: Programme = CARE_OF_NORTH) -> Network:
    index = Network(reserve=0)
    for state in (*KNOWN, programme):
        index.put(state)
    for person in people:
        index.put(person.private)
        index.put(person.member)
    return index


def ready(draft: Draft) -> tuple[Simulation, Result]:
    result = simulate(network(mentee("ana"), mentor("milo")), CARE, draft)
    return life.show(waiting(draft=draft), result), result


def test_values_that_a_draft_does_not_name_stay() -> None:
    today = life.rules_of(replace(CARE_OF_NORTH, weights={"topics": 50, "stage": 5}, minimum_score=20))
    drafted = life.drafted(today, Draft(weights={"stage": 90}, list_length=3))
    weights = programme_weights({"topics": 50, "stage": 90})
    assert (drafted.weights, drafted.list_length, drafted.minimum_score) == (weights, 3, 20)


def test_a_draft_equal_to_the_current_policy_is_refused() -> None:
    with pytest.raises(Rejected, match="change at least one weight or limit"):
        life.drafted(life.rules_of(CARE_OF_NORTH), Draft(list_length=10))


def test_changes_of_lists_and_of_the_mentors_on_them_are_counted() -> None:
    today = {
        "ana": Listed(("mara", "milo"), None, 80),
        "ben": Listed(("milo",), None, 40),
        "cleo": Listed((), "paused"),
    }
    draft = {"ana": Listed(("milo", "mara"), None, 70), "ben": Listed((), "below_minimum_score"), "cleo": today["cleo"]}
    compared = compare(today, draft, mentors=("mara", "milo", "idle"))
    churn = compared.churn
    assert (churn.lists_changed, churn.first_changed, churn.entered, churn.left) == (2, 2, 0, 1)
    assert (churn.mentors_entering, churn.mentors_leaving) == (0, 0)
    assert compared.today.unmatched == {"paused": 1}
    assert compared.draft.unmatched == {"below_minimum_score": 1, "paused": 1}
    assert (compared.today.mean_first_percent_thousandths, compared.draft.mean_first_percent_thousandths) == (
        60_000,
        70_000,
    )
    assert compared.today.load_gini_thousandths == 444, "lists of 0, 1 and 2"


def test_mentors_of_another_institution_are_not_counted() -> None:
    today, draft = {"ana": Listed(("mara",), None, 50)}, {"ana": Listed(("sara",), None, 50)}
    compared = compare(today, draft, mentors=("mara",))
    assert (compared.today.mentors_listed, compared.draft.mentors_listed) == (1, 0)
    assert (compared.churn.mentors_entering, compared.churn.mentors_leaving) == (0, 1)
    assert (compared.churn.lists_changed, compared.churn.entered) == (1, 1), "of the own mentee's list"


def test_mentees_of_another_institution_change_no_count() -> None:
    """However many they are: their lists are not compared."""
    own = [mentee("ana"), mentor("mara", capacity=2), mentor("milo", topics_offered=frozenset({"teaching"}))]
    partners = [mentee(f"s{number}", institution=SOUTH, across_institutions=True) for number in range(9)]
    partners += [mentor(f"sm{number}", institution=SOUTH) for number in range(9)]
    draft = Draft(minimum_score=60)
    assert simulate(network(*own, *partners), CARE, draft) == simulate(network(*own), CARE, draft)


@pytest.mark.parametrize("seed", range(8))
def test_both_sides_of_a_comparison_equal_lists_computed_pair_by_pair(seed: int) -> None:
    """Of the owner's mentees and mentors."""
    dice = random.Random(seed)
    people = [random_person(dice, f"p{number}", NORTH if number % 4 else SOUTH) for number in range(16)]
    draft = Draft(weights={"topics": dice.randrange(101), "stage": dice.randrange(101)}, minimum_score=60)
    result = simulate(network(*people), CARE, draft)
    institutions = {institution.id: institution for institution in KNOWN}
    for rules, figures in ((result.today, result.comparison.today), (result.draft, result.comparison.draft)):
        policy = Policy(rules.of(CARE_OF_NORTH, sequence=4), institutions)
        own = [person for person in people if person.member.institution == NORTH and CARE in person.member.mentee_in]
        lists = [naive(person, people, policy) for person in own]
        assert figures.mentees == len(lists)
        assert sum(figures.unmatched.values()) == sum(not shortlist.entries for shortlist in lists)
        listed = {entry.mentor for shortlist in lists for entry in shortlist.entries}
        assert figures.mentors_listed == sum(
            person.member.institution == NORTH for person in people if person.id in listed
        )


def random_person(dice: random.Random, id: str, institution: str) -> Person:
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
    simulation, result = ready(Draft(weights={"topics": 10}))
    assert life.follow(simulation, CARE_OF_NORTH, now=NOW) is None
    became = result.draft.of(CARE_OF_NORTH, sequence=5)
    applied = life.follow(simulation, became, now=NOW)
    assert applied is not None
    assert (applied.state, applied.version) == ("applied", simulation.version + 1)
    assert life.follow(applied, replace(became, sequence=6, weights={}), now=NOW) is None


def test_another_change_of_the_programme_or_expiry_drops_a_ready_draft() -> None:
    simulation, _ = ready(Draft(list_length=1))
    changed = life.follow(simulation, replace(CARE_OF_NORTH, sequence=5), now=NOW)
    expired = life.follow(simulation, CARE_OF_NORTH, now=NOW + timedelta(days=14))
    assert [(seen.state, seen.reason) for seen in (changed, expired) if seen] == [
        ("dropped", "programme_changed"),
        ("dropped", "expired"),
    ]


@dataclass
class SimulationsInMemory:
    """What waits, as the store would give it out."""

    waiting: list[Simulation]
    programme: Programme = CARE_OF_NORTH
    saved: list[Simulation] = field(default_factory=list)
    is_overtaken: bool = False

    async def policy(self, programme: str) -> Policy | None:
        return Policy(self.programme, {}) if programme == CARE else None

    async def claim(self) -> Simulation | None:
        return self.waiting.pop() if self.waiting else None

    async def to_follow(self, *, now: datetime) -> list[Simulation]:  # noqa: ARG002 -- all: `follow` knows better
        return [simulation for simulation in self.saved if simulation.state == "ready"]

    async def save(self, simulation: Simulation) -> None:
        if self.is_overtaken:
            raise StaleVersion(found=9, expected=1)
        self.saved.append(simulation)


class DirectSolver:
    async def simulate(self, simulation: Simulation) -> Result:
        return simulate(network(mentee("ana"), mentor("milo")), CARE, simulation.draft)


class Lease:
    seconds = 60.0

    def __init__(self, *, is_ours: bool = True) -> None:
        self.is_ours = is_ours

    async def take(self) -> bool:
        return self.is_ours


def waiting(**fields: Any) -> Simulation:
    usual: dict[str, Any] = {"institution": NORTH, "programme": CARE, "draft": Draft(list_length=1), "began_at": NOW}
    return Simulation(id="r", **{**usual, **fields})


def worked_off(repository: SimulationsInMemory, *, lease: Lease | None = None) -> list[str]:
    asyncio.run(SimulationWorker(repository, repository, DirectSolver(), lease or Lease(), SystemClock()).work())
    return [simulation.reason or simulation.state for simulation in repository.saved]


def test_queued_simulations_are_computed_and_given_up_after_five_failures() -> None:
    assert worked_off(SimulationsInMemory([waiting(), waiting(attempts=6)])) == ["given_up", "ready"]


def test_a_programme_that_already_equals_the_draft_ends_the_simulation() -> None:
    assert worked_off(SimulationsInMemory([waiting(draft=Draft(list_length=10))])) == ["programme_changed"]


def test_a_worker_without_the_lease_or_with_a_stale_version_saves_nothing() -> None:
    assert worked_off(SimulationsInMemory([waiting()], is_overtaken=True)) == []
    left = SimulationsInMemory([waiting()])
    assert worked_off(left, lease=Lease(is_ours=False)) == []
    assert len(left.waiting) == 1


def test_an_applied_simulation_cannot_be_dropped() -> None:
    simulation, result = ready(Draft(list_length=1))
    applied = life.follow(simulation, result.draft.of(CARE_OF_NORTH, sequence=5), now=NOW)
    assert applied is not None
    with pytest.raises(Conflict, match="is applied"):
        life.drop(applied)
