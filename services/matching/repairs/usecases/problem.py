"""A programme's people as they are now, who was displaced among them, and the plan that follows.

Everybody's wishes are the mentors who would come first for them if nobody in the programme had one; who has one
wishes for that one too. Seats taken elsewhere are taken. What a displaced mentee still takes is free only afterwards.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np

from services.matching.kernel import rules, scoring
from services.matching.kernel.pairs import Party
from services.matching.kernel.participants import Exchange, Policy, weights_for
from services.matching.mentoring.domain.displacements import Displacement
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.repairs.domain.lifecycle import Move, Plan, Step
from services.matching.repairs.domain.planning import Repaired, RepairProblem, reason_left, repair
from services.matching.rounds.solver import ceilings, wishing
from services.matching.rounds.solver.ceilings import Claim
from services.matching.rounds.solver.model import NONE, instance
from services.matching.suggestions.index.network import Network

_LIST_LENGTH = 20
_ALL = 1_000


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is to be planned. The network knows relationships of other programmes only."""

    repair: str
    edition: str
    """Steps are named by it."""
    programme: str
    bystanders: int
    at: datetime
    displacements: Sequence[Displacement]
    bonds: Sequence[Relationship]
    """All open ones of the programme."""
    pinned: Collection[str]
    """Relationships that a coordinator fixed."""

    @cached_property
    def taken(self) -> Counter[str]:
        """By mentor: seats, in this programme."""
        return Counter(one.pair.mentor.member for one in self.bonds if one.takes_seat)

    @cached_property
    def engaged(self) -> frozenset[str]:
        """Mentees who have a mentor in it."""
        return frozenset(one.pair.mentee.member for one in self.bonds if one.takes_seat)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    plan: Plan
    steps: Sequence[Step]
    void: Sequence[str]
    """Displacements that are none any more."""


def planned(network: Network, case: Case) -> Planned:
    lost, void = _lost(network, case)
    stay = _staying(network, case, lost)
    problem = _damage(network, case, lost, stay)
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


def _lost(network: Network, case: Case) -> tuple[dict[str, Displacement], list[str]]:
    """By mentee, one at a time; and those that have passed."""
    lost: dict[str, Displacement] = {}
    void: list[str] = []
    bonds = {one.id: one for one in case.bonds}
    for one in sorted(case.displacements, key=lambda one: (one.at, one.id)):
        if _has_passed(network, case, one, bonds):
            void.append(one.id)
        else:
            lost.setdefault(one.pair.mentee.member, one)
    return lost, void


def _has_passed(network: Network, case: Case, one: Displacement, bonds: Mapping[str, Relationship]) -> bool:
    mentee, relationship = one.pair.mentee.member, bonds.get(one.id)
    if one.cause == "lapsed":
        return True
    if not network.is_active(mentee) or not rules.is_mentee(
        network.person(mentee), network.pool(case.programme).policy
    ):
        return True
    if one.cause == "capacity_lowered" and not _is_overfull(network, case, one.pair.mentor.member):
        return True
    if one.stands:
        return relationship is None or not relationship.takes_seat
    if not one.displaces(relationship):
        return True
    return mentee in case.engaged


def _is_overfull(network: Network, case: Case, mentor: str) -> bool:
    if not network.is_active(mentor):
        return False
    person = network.person(mentor)
    return person.taken + case.taken[mentor] > person.member.capacity


def _staying(network: Network, case: Case, lost: dict[str, Displacement]) -> dict[str, Relationship]:
    """Bystanders, by mentee: the first of their relationships."""
    known = set(network.enrolled(case.programme))
    stay: dict[str, Relationship] = {}
    for one in sorted(case.bonds, key=lambda one: (one.since, one.id)):
        both = {one.pair.mentee.member, one.pair.mentor.member}
        if one.takes_seat and one.pair.mentee.member not in lost and both <= known:
            stay.setdefault(one.pair.mentee.member, one)
    return stay


def _damage(
    network: Network, case: Case, lost: dict[str, Displacement], stay: dict[str, Relationship]
) -> RepairProblem:
    mentees = sorted({*lost, *stay})
    wished = _wishes(network, case, mentees, lost, stay)
    mentors = sorted({mentor for each in wished.values() for mentor in each})
    row = {mentor: place for place, mentor in enumerate(mentors)}
    listed = [(place, row[mentor], score) for place, one in enumerate(mentees) for mentor, score in wished[one].items()]
    columns = np.array(listed, dtype=np.int64).reshape(-1, 3).T
    nobody = np.zeros(columns[0].size, dtype=np.int64)
    pairs = wishing.Pairs(mentee=columns[0], mentor=columns[1], score=columns[2], named=nobody, mentor_named=nobody)
    held = {one: row[bond.pair.mentor.member] for one, bond in stay.items()}
    at = {one: place for place, one in enumerate(mentees)}
    one = instance(
        wishing.wishes(
            pairs,
            round=case.repair,
            mentees=mentees,
            mentors=mentors,
            waiting_days=np.array([_days(case, lost.get(one)) for one in mentees], dtype=np.int64),
            list_length=_ALL,
            score_band=0,
        ),
        round=case.repair,
        mentees=mentees,
        mentors=mentors,
        capacity=np.array(list(_capacity(network, case, mentors, Counter(held.values()))), dtype=np.int64),
        pins=[(at[who], held[who]) for who, bond in stay.items() if bond.id in case.pinned],
    )
    true = np.full(len(mentees), NONE)
    is_held = np.array([held.get(who, NONE) for who in mentees], dtype=np.int64)
    wishes = np.flatnonzero(is_held[one.mentee] == one.mentor) if mentees else np.zeros(0, dtype=np.intp)
    true[one.mentee[wishes]] = wishes
    return RepairProblem(
        instance=one,
        held=true,
        displaced=np.array([who in lost for who in mentees], dtype=np.bool_),
        left_before=np.array([lost[who].left_before if who in lost else 0 for who in mentees], dtype=np.int64),
    )


def _apart(case: Case) -> defaultdict[str, set[str]]:
    """By mentee. Nobody is sent back to whom they lost, or to whom they have besides."""
    apart: defaultdict[str, set[str]] = defaultdict(set)
    for pair in (*(one.pair for one in case.bonds), *(one.pair for one in case.displacements)):
        apart[pair.mentee.member].add(pair.mentor.member)
    return apart


def _wishes(
    network: Network,
    case: Case,
    mentees: Sequence[str],
    lost: Mapping[str, Displacement],
    stay: Mapping[str, Relationship],
) -> dict[str, dict[str, int]]:
    """Mentors with scores, by mentee. Beside what is held, no more wish across a ceiling than seats are left."""
    pool, apart = network.pool(case.programme), _apart(case)
    wished: dict[str, dict[str, int]] = {one: {} for one in mentees}
    policy = pool.policy.after(one.pair.exchange for one in case.bonds if one.takes_seat)
    closed: dict[str, frozenset[Exchange]] = {}
    anew: Collection[str] = [one for one in mentees if one in pool.mentees]
    while anew:
        for mentee, ranked in pool.ranked_without({one: closed.get(one, frozenset()) for one in anew}, _LIST_LENGTH):
            scores = zip(ranked.mentors, ranked.scores, strict=True)
            wished[mentee] = {mentor: score for mentor, score in scores if mentor not in apart[mentee]}
        beyond = ceilings.beyond(_claims(network, case, wished, lost, policy), policy)
        closed |= {one: closed.get(one, frozenset()) | more for one, more in beyond.items()}
        anew = beyond
    for mentee, bond in stay.items():
        who, other = network.person(mentee), network.person(bond.pair.mentor.member)
        score = sum(scoring.weigh(scoring.factors_of(who, other), weights_for(who, pool.policy.programme)))
        wished[mentee][other.id] = score
    return wished


def _claims(
    network: Network,
    case: Case,
    wished: Mapping[str, Mapping[str, int]],
    lost: Mapping[str, Displacement],
    policy: Policy,
) -> Iterator[Claim]:
    """Who was left behind goes first, then the displaced, then to whom it means most, and by lot."""

    def home(member: str) -> str:
        return network.person(member).member.institution

    for mentee, mentors in wished.items():
        first: dict[Exchange, int] = {}
        for place, mentor in enumerate(mentors):
            first.setdefault((home(mentee), home(mentor)), place)
        left_before = lost[mentee].left_before if mentee in lost else -1
        for exchange in policy.capped(first):
            order = (-left_before, first[exchange], scoring.seed(case.repair, mentee))
            yield Claim(mentee=mentee, exchange=exchange, order=order)


def _days(case: Case, one: Displacement | None) -> int:
    return 0 if one is None else max(0, (case.at - one.at).days)


def _capacity(network: Network, case: Case, mentors: Sequence[str], held: Counter[int]) -> Iterator[int]:
    """Seats that are free, and those of the bystanders who are looked at."""
    for place, mentor in enumerate(mentors):
        person = network.person(mentor)
        yield max(0, person.member.capacity - person.taken - case.taken[mentor] + held[place])


def _steps(
    network: Network,
    case: Case,
    problem: RepairProblem,
    repaired: Repaired,
    *,
    lost: dict[str, Displacement],
    stay: dict[str, Relationship],
) -> Iterator[Step]:
    one = problem.instance
    chains = {chain[0]: chain for chain in repaired.chains}

    def party(member: str) -> Party:
        return Party(member=member, institution=network.person(member).member.institution)

    def move(place: int) -> Move:
        mentee = one.mentees[place]
        leaves = stay[mentee].id if mentee in stay else lost[mentee].relationship
        mentor = one.mentors[one.mentor[repaired.outcome[place]]]
        return Move(mentee=party(mentee), mentor=party(mentor), leaves=leaves)

    for nth, place in enumerate(np.flatnonzero(problem.displaced).tolist()):
        mentee, moves = one.mentees[place], tuple(move(each) for each in chains.get(place, ()))
        reason = None if moves else rules.own_reason(network.person(mentee)) or reason_left(problem, place)
        yield Step(
            id=f"{case.edition}.{nth:06}",
            repair=case.repair,
            displacement=lost[mentee].id,
            mentee=lost[mentee].pair.mentee,
            moves=moves,
            state="planned" if moves else "left",
            reason=reason,
        )
