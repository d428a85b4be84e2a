"""Solves a round: the input file becomes the result file."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

from services.matching.kernel.columns import Rows
from services.matching.rounds.solver import canonical, certificate
from services.matching.rounds.solver.certificate import Certified
from services.matching.rounds.solver.checks import check
from services.matching.rounds.solver.figures import figures
from services.matching.rounds.solver.files import (
    Compared,
    InputHashes,
    Mentee,
    MenteeResult,
    Mentor,
    MentorResult,
    Other,
    OtherPair,
    OtherPrice,
    OtherTurn,
    RoundInput,
    RoundResult,
    Target,
    Turn,
    parsed_input,
)
from services.matching.rounds.solver.model import NONE, Instance, Wishes, instance
from services.matching.rounds.solver.turns import Solution, solution
from services.matching.rounds.solver.version import SOLVER

Person = TypeVar("Person", Mentee, Mentor)


def solve(content: bytes) -> RoundResult:
    """`content` is the input file. Raises `Rejected` where it is not a round, or where its pins exceed a capacity."""
    value = canonical.loaded(content, what="the input")
    round = parsed_input(value)
    check(round)
    hashes = InputHashes(
        sha256=canonical.sha256(canonical.text(value)),
        file_sha256=canonical.sha256(content),
    )
    del value  # of a large round it takes a gigabyte
    return solved(round, of=hashes)


def solved(round: RoundInput, *, of: InputHashes) -> RoundResult:
    """`round` has been checked. `of`: the hashes of its input file."""
    columns = prepared(round)
    chosen = solution(columns, round.target, round=round.round)
    other_target: Target = "coverage" if round.target == "fit" else "fit"
    other = solution(columns, other_target, round=round.round) if round.compare else None
    mentees, mentors = _by_id(round.mentees), _by_id(round.mentors)
    homes = [mentee.institution for mentee in mentees], [mentor.institution for mentor in mentors]
    compared = {round.target: figures(chosen.turns, homes=homes)}
    if other:
        compared[other_target] = figures(other.turns, homes=homes)
    days = np.array([mentee.waiting_days for mentee in mentees], dtype=np.int64)
    first, *further = chosen.turns
    return RoundResult.sealed(
        format="preceptor-round-result/1",
        round=round.round,
        target=round.target,
        solver=SOLVER,
        policy=round.policy.id,
        input=of,
        bonus=_bonus(chosen),
        mentees=_mentees(first),
        mentors=_mentors(first),
        unmatched=certificate.unmatched(first, round=round.round, waiting_days=days),
        further=tuple(Turn(mentees=_mentees(turn), mentors=_mentors(turn)) for turn in further),
        closed=chosen.closed,
        other=_other(other) if other else None,
        figures=Compared(fit=compared.get("fit"), coverage=compared.get("coverage")),
    )


def _bonus(solution: Solution) -> int | None:
    covered = solution.turns[0].covered
    return covered.bonus if covered else None


def _other(other: Solution) -> Other:
    return Other(
        bonus=_bonus(other),
        closed=other.closed,
        turns=tuple(OtherTurn(pairs=tuple(_pairs(turn)), prices=tuple(_prices(turn))) for turn in other.turns),
    )


def _pairs(turn: Certified) -> Iterator[OtherPair]:
    columns, covered = turn.instance, turn.covered
    gains = covered.gain.tolist() if covered else [None] * len(columns.mentees)
    for mentee, mentor in zip(columns.mentee[turn.kept].tolist(), columns.mentor[turn.kept].tolist(), strict=True):
        yield OtherPair(mentee=columns.mentees[mentee], mentor=columns.mentors[mentor], gain=gains[mentee])


def _prices(turn: Certified) -> Iterator[OtherPrice]:
    for mentor, price in enumerate(turn.covered.price.tolist() if turn.covered else ()):
        if price:
            yield OtherPrice(mentor=turn.instance.mentors[mentor], price=price)


def prepared(round: RoundInput) -> Instance:
    """Columns of a round, participants sorted by id: the order within the file has no effect."""
    mentees, mentors = _by_id(round.mentees), _by_id(round.mentors)
    mentee_at = {mentee.id: row for row, mentee in enumerate(mentees)}
    mentor_at = {mentor.id: row for row, mentor in enumerate(mentors)}
    wishes = [wish for mentee in mentees for wish in mentee.wishes]
    return instance(
        Wishes(
            mentee=np.repeat(np.arange(len(mentees)), [len(mentee.wishes) for mentee in mentees]),
            mentor=np.array([mentor_at[wish.mentor] for wish in wishes], dtype=np.intp),
            rank=np.array([wish.rank for wish in wishes], dtype=np.int64),
            mentor_rank=np.array([wish.mentor_rank for wish in wishes], dtype=np.int64),
            score=np.array([wish.score for wish in wishes], dtype=np.int64),
        ),
        round=round.round,
        mentees=[mentee.id for mentee in mentees],
        mentors=[mentor.id for mentor in mentors],
        capacity=np.array([mentor.capacity for mentor in mentors], dtype=np.int64),
        pins=[(mentee_at[pin.mentee], mentor_at[pin.mentor]) for pin in round.pins],
        exclusions=[(mentee_at[pair.mentee], mentor_at[pair.mentor]) for pair in round.exclusions],
        wanted=np.array([mentee.mentors_wanted for mentee in mentees], dtype=np.int64),
        waits=np.array([mentee.has_mentor for mentee in mentees], dtype=np.bool_),
        least_group=np.array([mentor.least_group for mentor in mentors], dtype=np.int64),
    )


def _by_id(people: Sequence[Person]) -> list[Person]:
    return sorted(people, key=lambda person: person.id)


def _mentees(certified: Certified) -> tuple[MenteeResult, ...]:
    columns, covered = certified.instance, certified.covered
    outcome = certified.outcome.tolist()
    place, mentor = columns.place.tolist(), columns.mentor.tolist()
    gains = covered.gain.tolist() if covered else [None] * len(outcome)
    pinned = (columns.pinned != NONE).tolist()
    takes_part = columns.takes_part.tolist()
    return tuple(
        MenteeResult(
            id=columns.mentees[row],
            mentor=None if wish == NONE else columns.mentors[mentor[wish]],
            place=None if wish == NONE else place[wish],
            pinned=pinned[row],
            gain=gains[row],
            better=better,
        )
        for row, (wish, better) in enumerate(zip(outcome, certificate.better(certified), strict=True))
        if takes_part[row]
    )


def _mentors(certified: Certified) -> tuple[MentorResult, ...]:
    columns, covered = certified.instance, certified.covered
    held = _held(certified)
    prices = covered.price.tolist() if covered else [None] * len(held)
    return tuple(
        MentorResult(id=columns.mentors[row], mentees=tuple(columns.mentees[mentee] for mentee in mentees), price=price)
        for row, (mentees, price) in enumerate(zip(held, prices, strict=True))
    )


def _held(certified: Certified) -> list[list[int]]:
    """By mentor: the matched mentees, in the mentor's order."""
    columns = certified.instance
    kept: Rows = columns.by_mentor_position[np.sort(columns.mentor_position[certified.kept])]
    held: list[list[int]] = [[] for _ in columns.mentors]
    for mentor, mentee in zip(columns.mentor[kept].tolist(), columns.mentee[kept].tolist(), strict=True):
        held[mentor].append(mentee)
    return held
