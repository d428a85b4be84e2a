"""Checks a round's input: ids are known, pairs appear once, pins fit into the capacities, ceilings hold."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import islice

from services.matching.rounds.solver.canonical import pointer
from services.matching.rounds.solver.files import RoundInput
from shared.errors import FieldError, Rejected

_MOST_ERRORS = 20


def check(round: RoundInput) -> None:
    """Raises `Rejected`: `input_inconsistent` (it contradicts itself) or `round_infeasible` (pins exceed capacity)."""
    if wrong := tuple(islice(_wrong(round), _MOST_ERRORS)):
        raise Rejected("input_inconsistent", "the input contradicts itself: see errors", wrong)
    if wrong := tuple(islice(_infeasible(round), _MOST_ERRORS)):
        raise Rejected("round_infeasible", "not every pin can be kept within the capacities: see errors", wrong)


def _wrong(round: RoundInput) -> Iterator[FieldError]:
    yield from _duplicates([mentor.id for mentor in round.mentors], ("mentors",), "id")
    yield from _duplicates([mentee.id for mentee in round.mentees], ("mentees",), "id")
    yield from _in_both_roles(round)
    yield from _wrong_wishes(round)
    yield from _wrong_pairs(round)
    yield from _wrong_pins(round)
    yield from _wrong_exchanges(round)
    yield from _wrong_least_groups(round)


def _in_both_roles(round: RoundInput) -> Iterator[FieldError]:
    mentors = {mentor.id: index for index, mentor in enumerate(round.mentors)}
    for index, mentee in enumerate(round.mentees):
        if mentee.id in mentors:
            other = pointer(["mentors", mentors[mentee.id], "id"])
            yield _error(("mentees", index, "id"), f"is the id of {other} too: a person in both roles has two ids")


def _wrong_wishes(round: RoundInput) -> Iterator[FieldError]:
    mentors = {mentor.id for mentor in round.mentors}
    most = round.policy.list_length
    for index, mentee in enumerate(round.mentees):
        named = [wish.mentor for wish in mentee.wishes]
        path = ("mentees", index, "wishes")
        if len(named) > most:
            yield _error(path, f"has {len(named)} wishes; /policy/list_length allows {most}")
        if len(set(named)) < len(named):
            yield from _duplicates(named, path, "mentor")
        if not mentors.issuperset(named):
            yield from (
                _error((*path, wish, "mentor"), f"names {mentor!r}, who is not among /mentors")
                for wish, mentor in enumerate(named)
                if mentor not in mentors
            )


def _wrong_pairs(round: RoundInput) -> Iterator[FieldError]:
    mentors, mentees = {mentor.id for mentor in round.mentors}, {mentee.id for mentee in round.mentees}
    for name, pairs in (("pins", round.pins), ("exclusions", round.exclusions)):
        for index, pair in enumerate(pairs):
            if pair.mentee not in mentees:
                yield _error((name, index, "mentee"), f"names {pair.mentee!r}, who is not among /mentees")
            if pair.mentor not in mentors:
                yield _error((name, index, "mentor"), f"names {pair.mentor!r}, who is not among /mentors")
        yield from _duplicates([(pair.mentee, pair.mentor) for pair in pairs], (name,), "")


def _wrong_pins(round: RoundInput) -> Iterator[FieldError]:
    wished = {mentee.id: {wish.mentor for wish in mentee.wishes} for mentee in round.mentees}
    excluded = {(pair.mentee, pair.mentor): index for index, pair in enumerate(round.exclusions)}
    have_mentor = {mentee.id for mentee in round.mentees if mentee.has_mentor}
    first: dict[str, int] = {}
    for index, pin in enumerate(round.pins):
        if pin.mentee in have_mentor:
            yield _error(("pins", index), f"names {pin.mentee!r}, who has_mentor: a pin belongs to the first turn")
        if (before := first.setdefault(pin.mentee, index)) != index and pin != round.pins[before]:
            yield _error(("pins", index), f"contradicts /pins/{before}: a mentee is pinned to one mentor")
        if (exclusion := excluded.get((pin.mentee, pin.mentor))) is not None:
            yield _error(("pins", index), f"contradicts /exclusions/{exclusion}: pin the pair or keep it apart")
        if pin.mentee in wished and pin.mentor not in wished[pin.mentee]:
            yield _error(
                ("pins", index),
                "is not among the mentee's wishes: the pair is forbidden (firewall, never-list, policy) or not listed",
            )


def _wrong_exchanges(round: RoundInput) -> Iterator[FieldError]:
    exchanges = [(ceiling.mentee_institution, ceiling.mentor_institution) for ceiling in round.exchanges]
    yield from _duplicates(exchanges, ("exchanges",), "")
    home = {mentor.id: mentor.institution for mentor in round.mentors}
    wishing_across: Counter[tuple[str, str | None]] = Counter()
    for mentee in round.mentees:
        for institution, wishes in Counter(home.get(wish.mentor) for wish in mentee.wishes).items():
            wishing_across[mentee.institution, institution] += min(wishes, mentee.mentors_wanted)
    for index, ceiling in enumerate(round.exchanges):
        wishing = wishing_across[exchanges[index]]
        if wishing > ceiling.at_most:
            message = f"is {ceiling.at_most}, and {wishing} mentees have wishes across"
            if any(mentee.mentors_wanted > 1 for mentee in round.mentees):
                message = f"is {ceiling.at_most}, and mentees wish for {wishing} mentors across"
            yield _error(("exchanges", index, "at_most"), f"{message}: a matching could have more such pairs")


def _wrong_least_groups(round: RoundInput) -> Iterator[FieldError]:
    for index, mentor in enumerate(round.mentors):
        if 0 < mentor.capacity < mentor.least_group:
            message = f"is {mentor.least_group}, and the capacity is {mentor.capacity}: lower it, or raise the capacity"
            yield _error(("mentors", index, "least_group"), message)


def _infeasible(round: RoundInput) -> Iterator[FieldError]:
    pinned: dict[str, list[int]] = defaultdict(list)
    for index, pin in enumerate(round.pins):
        pinned[pin.mentor].append(index)
    for index, mentor in enumerate(round.mentors):
        pins = pinned.get(mentor.id, [])
        if len(pins) > mentor.capacity:
            which = ", ".join(f"/pins/{pin}" for pin in pins[:_MOST_ERRORS])
            message = f"is {mentor.capacity}, and {len(pins)} people are pinned to this mentor: {which}"
            yield _error(("mentors", index, "capacity"), message)


def _duplicates(values: Sequence[Hashable], path: Sequence[str | int], field: str) -> Iterator[FieldError]:
    if len(set(values)) == len(values):
        return
    first: dict[Hashable, int] = {}
    for index, value in enumerate(values):
        if (before := first.setdefault(value, index)) != index:
            at = [*path, index, *([field] if field else [])]
            yield _error(at, f"appears twice: {pointer([*path, before])} is the same")


def _error(path: Iterable[str | int], message: str) -> FieldError:
    return FieldError(pointer(list(path)), message)
