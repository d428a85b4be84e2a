"""A programme's people as they are now, who was displaced among them, and the plan that follows.

A mentee's wishes are the mentors who would rank highest if no mentee of the programme had a mentor, and the mentor whom
they have. Seats taken in other programmes stay taken. A seat that a displaced mentee still takes is free only after
the repair.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import numpy as np

from services.matching.kernel import rules, scoring
from services.matching.kernel.pairs import Party
from services.matching.kernel.participants import Exchange, Policy, weights_for
from services.matching.mentoring.domain.displacements import Displacement
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.repairs.domain.lifecycle import Move, Plan, Step
from services.matching.repairs.domain.planning import Repaired, RepairProblem, reason_left_behind, repair
from services.matching.rounds.solver import ceilings, wishing
from services.matching.rounds.solver.ceilings import Claim
from services.matching.rounds.solver.model import NONE, instance
from services.matching.suggestions.index.network import Network

_LIST_LENGTH = 20
_ALL = 1_000


@dataclass(frozen=True, kw_only=True)
class RepairInput:
    """What a plan is computed from. The network holds the relationships of other programmes only."""

    repair: str
    edition: str
    """Prefix of the ids of steps: repair and version."""
    programme: str
    bystanders: int
    at: datetime
    displacements: Sequence[Displacement]
    bonds: Sequence[Relationship]
    """All open relationships of the programme."""
    pinned: Collection[str]
    """Relationships that a coordinator fixed."""

    @cached_property
    def taken(self) -> Counter[str]:
        """Seats taken in this programme, by mentor."""
        return Counter(bond.pair.mentor.member for bond in self.bonds if bond.takes_seat)

    @cached_property
    def mentors(self) -> Counter[str]:
        """Mentors in this programme, by mentee."""
        return Counter(bond.pair.mentee.member for bond in self.bonds if bond.takes_seat)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    plan: Plan
    steps: Sequence[Step]
    void: Sequence[str]
    """Ids of displacements that no longer need a repair."""


def plan_repair(network: Network, case: RepairInput) -> Planned:
    lost, void = _current_and_obsolete(network, case)
    stay = _kept_relationships(network, case, lost)
    problem = _repair_problem(network, case, lost, stay)
    repaired = repair(problem, bystanders=case.bystanders)
    steps = list(_steps(network, case, problem, repaired, lost=lost, stay=stay))
    placed = sum(bool(step.moves) for step in steps)
    plan = Plan(
        displaced=len(steps),
        placed=placed,
        bystanders_moved=repaired.moved,
        blocking_pairs=repaired.blocking,
    )
    return Planned(plan=plan, steps=steps, void=void)


def _current_and_obsolete(network: Network, case: RepairInput) -> tuple[dict[str, Displacement], list[str]]:
    """The earliest displacement that still needs a repair, by mentee; and the ids of those that no longer do."""
    lost: dict[str, Displacement] = {}
    void: list[str] = []
    bonds = {bond.id: bond for bond in case.bonds}
    for displacement in sorted(case.displacements, key=lambda displacement: (displacement.at, displacement.id)):
        if _is_obsolete(network, case, displacement, bonds):
            void.append(displacement.id)
        else:
            lost.setdefault(displacement.pair.mentee.member, displacement)
    return lost, void


def _is_obsolete(
    network: Network, case: RepairInput, displacement: Displacement, bonds: Mapping[str, Relationship]
) -> bool:
    """Whether a displacement no longer needs a repair."""
    mentee, relationship = displacement.pair.mentee.member, bonds.get(displacement.id)
    if displacement.cause == "lapsed":
        return True
    if not network.is_active(mentee) or not rules.is_mentee(
        network.person(mentee), network.pool(case.programme).policy
    ):
        return True
    if displacement.cause == "capacity_lowered" and not _is_overfull(network, case, displacement.pair.mentor.member):
        return True
    if displacement.keeps_relationship:
        return relationship is None or not relationship.takes_seat
    if not displacement.displaces(relationship):
        return True
    return case.mentors[mentee] >= network.person(mentee).member.mentors_wanted


def _is_overfull(network: Network, case: RepairInput, mentor: str) -> bool:
    if not network.is_active(mentor):
        return False
    person = network.person(mentor)
    return person.taken + case.taken[mentor] > person.member.capacity


def _kept_relationships(network: Network, case: RepairInput, lost: dict[str, Displacement]) -> dict[str, Relationship]:
    """The earliest relationship of each mentee who is not displaced, by mentee."""
    known = set(network.enrolled(case.programme))
    stay: dict[str, Relationship] = {}
    for bond in sorted(case.bonds, key=lambda bond: (bond.since, bond.id)):
        both = {bond.pair.mentee.member, bond.pair.mentor.member}
        if bond.takes_seat and bond.pair.mentee.member not in lost and both <= known:
            stay.setdefault(bond.pair.mentee.member, bond)
    return stay


def _repair_problem(
    network: Network, case: RepairInput, lost: dict[str, Displacement], stay: dict[str, Relationship]
) -> RepairProblem:
    mentees = sorted({*lost, *stay})
    wished = _wishes(network, case, mentees, lost, stay)
    mentors = sorted({mentor for scores in wished.values() for mentor in scores})
    mentor_row = {mentor: row for row, mentor in enumerate(mentors)}
    listed = [
        (row, mentor_row[mentor], score)
        for row, mentee in enumerate(mentees)
        for mentor, score in wished[mentee].items()
    ]
    columns = np.array(listed, dtype=np.int64).reshape(-1, 3).T
    unranked = np.zeros(columns[0].size, dtype=np.int64)
    pairs = wishing.Pairs(mentee=columns[0], mentor=columns[1], score=columns[2], named=unranked, mentor_named=unranked)
    held = {mentee: mentor_row[bond.pair.mentor.member] for mentee, bond in stay.items()}
    mentee_row = {mentee: row for row, mentee in enumerate(mentees)}
    market = instance(
        wishing.wishes(
            pairs,
            round=case.repair,
            mentees=mentees,
            mentors=mentors,
            waiting_days=np.array([_waiting_days(case, lost.get(mentee)) for mentee in mentees], dtype=np.int64),
            list_length=_ALL,
            score_band=0,
        ),
        round=case.repair,
        mentees=mentees,
        mentors=mentors,
        capacity=np.array(list(_capacity(network, case, mentors, Counter(held.values()))), dtype=np.int64),
        pins=[(mentee_row[mentee], held[mentee]) for mentee, bond in stay.items() if bond.id in case.pinned],
    )
    held_wishes = np.full(len(mentees), NONE)
    held_mentor = np.array([held.get(mentee, NONE) for mentee in mentees], dtype=np.int64)
    wishes = np.flatnonzero(held_mentor[market.mentee] == market.mentor) if mentees else np.zeros(0, dtype=np.intp)
    held_wishes[market.mentee[wishes]] = wishes
    return RepairProblem(
        instance=market,
        held=held_wishes,
        displaced=np.array([mentee in lost for mentee in mentees], dtype=np.bool_),
        times_unplaced=np.array(
            [lost[mentee].times_unplaced if mentee in lost else 0 for mentee in mentees], dtype=np.int64
        ),
    )


def _excluded_mentors(case: RepairInput) -> defaultdict[str, set[str]]:
    """Mentors whom a mentee lost or has already, by mentee: a repair does not assign them."""
    excluded: defaultdict[str, set[str]] = defaultdict(set)
    for pair in (*(bond.pair for bond in case.bonds), *(displacement.pair for displacement in case.displacements)):
        excluded[pair.mentee.member].add(pair.mentor.member)
    return excluded


def _wishes(
    network: Network,
    case: RepairInput,
    mentees: Sequence[str],
    lost: Mapping[str, Displacement],
    stay: Mapping[str, Relationship],
) -> dict[str, dict[str, int]]:
    """Scores by mentor, by mentee. No more mentees wish across a ceiling than it has seats left; a mentee's own mentor
    is always among the wishes.
    """
    pool, excluded = network.pool(case.programme), _excluded_mentors(case)
    wished: dict[str, dict[str, int]] = {mentee: {} for mentee in mentees}
    policy = pool.policy.after(bond.pair.exchange for bond in case.bonds if bond.takes_seat)
    closed: dict[str, frozenset[Exchange]] = {}
    to_rank: Collection[str] = [mentee for mentee in mentees if mentee in pool.mentees]
    while to_rank:
        closed_to = {mentee: closed.get(mentee, frozenset()) for mentee in to_rank}
        for mentee, ranked in pool.ranked_without(closed_to, _LIST_LENGTH):
            scores = zip(ranked.mentors, ranked.scores, strict=True)
            wished[mentee] = {mentor: score for mentor, score in scores if mentor not in excluded[mentee]}
        beyond = ceilings.beyond(_claims(network, case, wished, lost, policy), policy)
        closed |= {mentee: closed.get(mentee, frozenset()) | more for mentee, more in beyond.items()}
        to_rank = beyond
    for mentee, bond in stay.items():
        who, other = network.person(mentee), network.person(bond.pair.mentor.member)
        score = sum(scoring.weigh(scoring.factors_of(who, other), weights_for(who, pool.policy.programme)))
        wished[mentee][other.id] = score
    return wished


def _claims(
    network: Network,
    case: RepairInput,
    wished: Mapping[str, Mapping[str, int]],
    lost: Mapping[str, Displacement],
    policy: Policy,
) -> Iterator[Claim]:
    """Mentees' claims to seats under a ceiling: first those whom earlier repairs left behind, then the other displaced,
    then bystanders; among equals by rank of the wish, then by lot.
    """

    def home(member: str) -> str:
        return network.person(member).member.institution

    for mentee, mentors in wished.items():
        first: dict[Exchange, int] = {}
        for rank, mentor in enumerate(mentors):
            first.setdefault((home(mentee), home(mentor)), rank)
        times_unplaced = lost[mentee].times_unplaced if mentee in lost else -1
        for exchange in policy.capped(first):
            order = (-times_unplaced, first[exchange], scoring.seed(case.repair, mentee))
            yield Claim(mentee=mentee, exchange=exchange, order=order)


def _waiting_days(case: RepairInput, displacement: Displacement | None) -> int:
    return 0 if displacement is None else max(0, (case.at - displacement.at).days)


def _capacity(network: Network, case: RepairInput, mentors: Sequence[str], held: Counter[int]) -> Iterator[int]:
    """Seats by mentor: the free ones and those of the bystanders in the problem. A mentor with a minimum group size and
    without mentees gets nobody: a repair begins no group.
    """
    for row, mentor in enumerate(mentors):
        person = network.person(mentor)
        taken = person.taken + case.taken[mentor]
        begins_group = replace(person, taken=taken).least_group > 1
        yield 0 if begins_group else max(0, person.member.capacity - taken + held[row])


def _steps(
    network: Network,
    case: RepairInput,
    problem: RepairProblem,
    repaired: Repaired,
    *,
    lost: dict[str, Displacement],
    stay: dict[str, Relationship],
) -> Iterator[Step]:
    market = problem.instance
    chains = {chain[0]: chain for chain in repaired.chains}

    def party(member: str) -> Party:
        return Party(member=member, institution=network.person(member).member.institution)

    def move(row: int) -> Move:
        mentee = market.mentees[row]
        leaves = stay[mentee].id if mentee in stay else lost[mentee].relationship
        mentor = market.mentors[market.mentor[repaired.outcome[row]]]
        return Move(mentee=party(mentee), mentor=party(mentor), leaves=leaves)

    for nth, row in enumerate(np.flatnonzero(problem.displaced).tolist()):
        mentee, moves = market.mentees[row], tuple(move(mover) for mover in chains.get(row, ()))
        reason = None if moves else rules.own_reason(network.person(mentee)) or reason_left_behind(problem, row)
        yield Step(
            id=f"{case.edition}.{nth:06}",
            repair=case.repair,
            displacement=lost[mentee].id,
            mentee=lost[mentee].pair.mentee,
            moves=moves,
            state="planned" if moves else "left",
            reason=reason,
        )
