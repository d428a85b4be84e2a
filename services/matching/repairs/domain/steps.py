"""Carries out a step of a repair: checks the hard rules again for every move, and takes the seat as an acceptance does.
If one move cannot be made, no move of the step is made.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.matching.kernel.pairs import Decided, Pair
from services.matching.kernel.participants import Person
from services.matching.mentoring.domain import requests
from services.matching.mentoring.domain.displacements import Displacement
from services.matching.mentoring.domain.obstacles import obstacle
from services.matching.mentoring.domain.relationships import Relationship, begin, close_for_repair
from services.matching.mentoring.domain.requests import Request, Situation
from services.matching.repairs.domain.lifecycle import Move, Step

NOT_DISPLACED = "not_displaced"
"""The reason of a step whose mentee has a mentor by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairContext:
    """What decides on a move. `situation.mentors` leaves out the relationship that the mentee leaves."""

    move: Move
    situation: Situation
    ending: Relationship | None
    """The relationship that the move ends."""
    former_mentor: Person | None
    """The mentor of that relationship."""


Ended = Decided[Relationship] | Decided[Request]


def carry_out(
    step: Step,
    contexts: Sequence[RepairContext],
    *,
    displacement: Displacement | None,
    programme: str,
    ids: Sequence[str],
    now: datetime,
) -> tuple[Step, list[Ended]]:
    """`ids` for the relationships that begin. Nothing where the step is done already."""
    if step.state != "planned":
        return step, []
    if reason := _reason_not_to_move(contexts, displacement):
        return replace(step, state="lapsed", reason=reason, version=step.version + 1), []
    decided: list[Ended] = []
    for context, id in zip(contexts, ids, strict=True):
        decided += _moved(context, step.repair, programme=programme, id=id, now=now)
    return replace(step, state="applied", version=step.version + 1), list(_once(decided))


def _reason_not_to_move(contexts: Sequence[RepairContext], displacement: Displacement | None) -> str | None:
    """Why the step cannot be carried out any more: the code of the first move that is not possible; None if all are."""
    if displacement is None or not _is_displaced(contexts[0], displacement):
        return NOT_DISPLACED
    for nth, context in enumerate(contexts):
        if nth and (context.ending is None or not context.ending.takes_seat):
            return "moved_on"
        situation = _after(contexts[:nth], context.situation)
        makes_room = nth + 1 < len(contexts)
        known = _with_room(situation) if makes_room else situation
        if found := obstacle(known, is_served=known.has_enough_mentors):
            return found
    return None


def _after(moved: Sequence[RepairContext], situation: Situation) -> Situation:
    """Every earlier move has taken one of the seats that the mentor's institution gives, whatever it leaves."""
    if situation.policy is None:
        return situation
    entered = [(context.move.mentee.institution, context.move.mentor.institution) for context in moved]
    return replace(situation, policy=situation.policy.after(entered))


def _is_displaced(context: RepairContext, displacement: Displacement) -> bool:
    if not displacement.displaces(context.ending):
        return False
    former = context.former_mentor
    return displacement.cause != "capacity_lowered" or (former is not None and former.taken > former.member.capacity)


def _with_room(situation: Situation) -> Situation:
    """The next of the chain leaves this mentor at the same moment."""
    mentor = situation.mentor
    return situation if mentor is None else replace(situation, mentor=replace(mentor, taken=mentor.taken - 1))


def _moved(context: RepairContext, repair: str, *, programme: str, id: str, now: datetime) -> Iterator[Ended]:
    move = context.move
    pair = Pair(programme=programme, mentee=move.mentee, mentor=move.mentor)
    if context.ending is not None and context.ending.is_open:
        yield close_for_repair(context.ending, policy=context.situation.policy, now=now)
    yield begin(pair, id=id, request=None, repair=repair, now=now)
    yield from requests.requests_ended_by_pair(pair, context.situation, reason="matched_in_repair", now=now)


def _once(decided: Sequence[Ended]) -> Iterator[Ended]:
    """Removes duplicates: two moves may settle the same request."""
    seen: set[str] = set()
    for ended in decided:
        if ended.state.id not in seen:
            seen.add(ended.state.id)
            yield ended
