"""What two institutions give each other, and a ceiling where more than one seat is taken at once."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.matching.exchange.domain import Flow, balances
from services.matching.kernel.pairs import Pair, Party
from services.matching.kernel.participants import Institution, Person, Policy, Programme, Terms
from services.matching.kernel.shards import SHARDS
from services.matching.mentoring.domain.displacements import Displacement
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Situation
from services.matching.repairs.domain.lifecycle import Move, Step
from services.matching.repairs.domain.steps import RepairContext, carry_out
from services.matching.repairs.usecases.problem import RepairInput, plan_repair
from services.matching.suggestions.index.network import Network
from tests.unit.matching_people import CARE, EAST, NORTH, SOUTH, mentee, mentor, policy

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)


def capped(ceiling: int, *, given: int) -> Policy:
    """South gives north so many seats, and has given some."""
    north, south = (
        Institution(id=institution, exchanges_with=frozenset({NORTH, SOUTH})) for institution in (NORTH, SOUTH)
    )
    known = policy(north, replace(south, terms={NORTH: Terms(ceiling=ceiling)}))
    return replace(known, given={(NORTH, SOUTH): given})


def test_the_balance_lists_present_partners_and_past_ones_with_exchanges() -> None:
    mine = Institution(
        id=NORTH, exchanges_with=frozenset({SOUTH}), terms={SOUTH: Terms(receives=False, ceiling=3, floor=2)}
    )
    theirs = Institution(id=SOUTH, exchanges_with=frozenset({NORTH}))
    flows = {(SOUTH, NORTH): Flow(4, 9), (NORTH, SOUTH): Flow(1, 1), (NORTH, EAST): Flow(0, 2)}
    east, south = balances(mine, {SOUTH: theirs}, flows)
    assert (east.partner, east.gives, east.receives, east.received.in_all, east.left) == (EAST, False, False, 2, None)
    assert (south.gives, south.receives, south.left, south.is_floor_met) == (True, False, 0, True)
    assert not next(balances(mine, {SOUTH: theirs}, {})).is_floor_met


def test_an_absent_or_inactive_partner_gives_and_receives_nothing() -> None:
    mine = Institution(id=NORTH, exchanges_with=frozenset({SOUTH}))
    for theirs in ({}, {SOUTH: Institution(id=SOUTH, exchanges_with=frozenset({NORTH}), is_active=False)}):
        [south] = balances(mine, theirs, {})
        assert (south.gives, south.receives) == (False, False)


def test_a_step_of_two_moves_takes_two_seats_below_a_ceiling_or_none() -> None:
    assert _carried_out(capped(3, given=1)).state == "applied"
    lapsed = _carried_out(capped(2, given=1))
    assert (lapsed.state, lapsed.reason) == ("lapsed", "exchange_full")


@pytest.mark.parametrize("bystanders", [0, 2])
@pytest.mark.parametrize(("ceiling", "placed"), [(1, 0), (2, 1), (3, 2)])
def test_a_repair_keeps_the_ceiling_and_places_unplaced_mentees_first(
    ceiling: int, placed: int, bystanders: int
) -> None:
    """Dora has one of south's seats in this programme; ana and ben lost theirs, ben for the second time."""
    made = plan_repair(_network(ceiling), _case(bystanders))
    assert (made.plan.displaced, made.plan.placed) == (2, placed)
    assert [step.mentee.member for step in made.steps if step.moves] == ["ben", "ana"][:placed][::-1]


def _network(ceiling: int) -> Network:
    network, everyone = Network(reserve=0), frozenset({NORTH, SOUTH})
    network.hold(range(SHARDS))
    for state in (
        Institution(id=NORTH, exchanges_with=everyone),
        Institution(id=SOUTH, exchanges_with=everyone, terms={NORTH: Terms(ceiling=ceiling)}),
        Programme(id=CARE, institution=NORTH, admits=everyone),
        *(mentee(who, across_institutions=True).member for who in ("ana", "ben", "dora")),
        *(mentor(who, institution=SOUTH, across_institutions=True, capacity=9).member for who in ("sam", "sue")),
    ):
        network.put(state)
    return network


def _case(bystanders: int) -> RepairInput:
    lost = [
        Displacement(
            id=relationship.id,
            pair=relationship.pair,
            relationship=relationship.id,
            cause="mentor_left",
            at=NOW,
            times_unplaced=times,
        )
        for relationship, times in ((_together("ana", "gone", NORTH), 0), (_together("ben", "gone", NORTH), 1))
    ]
    held = replace(_together("dora", "sam", SOUTH), id="held")
    return RepairInput(
        repair="r",
        edition="r.1",
        programme=CARE,
        bystanders=bystanders,
        at=NOW,
        displacements=lost,
        bonds=[held],
        pinned=(),
    )


def _carried_out(known: Policy) -> Step:
    """Ana, displaced, takes mara's seat of which ben makes room by going to milo: both mentors are south's."""
    before = _together("ben", "mara", SOUTH)
    first = _scene(known, "ana", replace(_southern("mara"), taken=1), leaves=None)
    second = _scene(known, "ben", _southern("milo"), leaves=before)
    lost = _together("ana", "gone", NORTH)
    displacement = Displacement(id="gone", pair=lost.pair, relationship=None, cause="lapsed", at=NOW)
    step = Step(id="1", repair="r", displacement="gone", mentee=first.move.mentee, moves=(first.move, second.move))
    after, _ = carry_out(step, [first, second], displacement=displacement, programme=CARE, ids=["a", "b"], now=NOW)
    return after


def _southern(id: str) -> Person:
    return mentor(id, institution=SOUTH, across_institutions=True)


def _scene(known: Policy, who: str, other: Person, *, leaves: Relationship | None) -> RepairContext:
    move = Move(
        mentee=Party(member=who, institution=NORTH),
        mentor=Party(member=other.id, institution=SOUTH),
        leaves=leaves.id if leaves else None,
    )
    situation = Situation(policy=known, mentee=mentee(who, across_institutions=True), mentor=other, asked=())
    return RepairContext(move=move, situation=situation, ending=leaves, former_mentor=None)


def _together(who: str, other: str, home: str) -> Relationship:
    pair = Pair(
        programme=CARE, mentee=Party(member=who, institution=NORTH), mentor=Party(member=other, institution=home)
    )
    return Relationship(id=f"{who}-{other}", pair=pair, since=NOW)
