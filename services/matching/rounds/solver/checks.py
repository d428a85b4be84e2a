"""Whether a round makes sense: names are known, pairs stand once, a coordinator's orders can all be kept at once."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import islice

from services.matching.rounds.solver.canonical import pointer
from services.matching.rounds.solver.files import RoundInput
from shared.errors import FieldError, Rejected

_MOST_ERRORS = 20


def check(round: RoundInput) -> None:
    """Raises `Rejected`: `input_inconsistent` (it contradicts itself) or `round_infeasible` (no matching exists)."""
    if wrong := tuple(islice(_wrong(round), _MOST_ERRORS)):
        raise Rejected("input_inconsistent", "the input contradicts itself: see errors", wrong)
    if wrong := tuple(islice(_infeasible(round), _MOST_ERRORS)):
        raise Rejected("round_infeasible", "not every pin can be kept within the capacities: see errors", wrong)


def _wrong(round: RoundInput) -> Iterator[FieldError]:
    yield from _twice([mentor.id for mentor in round.mentors], ("mentors",), "id")
    yield from _twice([mentee.id for mentee in round.mentees], ("mentees",), "id")
    yield from _wrong_wishes(round)
    yield from _wrong_pairs(round)
    yield from _wrong_pins(round)
    yield from _wrong_exchanges(round)


def _wrong_wishes(round: RoundInput) -> Iterator[FieldError]:
    mentors = {mentor.id for mentor in round.mentors}
    most = round.policy.list_length
    for place, mentee in enumerate(round.mentees):
        named = [wish.mentor for wish in mentee.wishes]
        path = ("mentees", place, "wishes")
        if len(named) > most:
            yield _error(path, f"has {len(named)} wishes; /policy/list_length allows {most}")
        if len(set(named)) < len(named):
            yield from _twice(named, path, "mentor")
        if not mentors.issuperset(named):
            yield from (
                _error((*path, nth, "mentor"), f"names {one!r}, who is not among /mentors")
                for nth, one in enumerate(named)
                if one not in mentors
            )


def _wrong_pairs(round: RoundInput) -> Iterator[FieldError]:
    mentors, mentees = {one.id for one in round.mentors}, {one.id for one in round.mentees}
    for name, pairs in (("pins", round.pins), ("exclusions", round.exclusions)):
        for place, pair in enumerate(pairs):
            if pair.mentee not in mentees:
                yield _error((name, place, "mentee"), f"names {pair.mentee!r}, who is not among /mentees")
            if pair.mentor not in mentors:
                yield _error((name, place, "mentor"), f"names {pair.mentor!r}, who is not among /mentors")
        yield from _twice([(pair.mentee, pair.mentor) for pair in pairs], (name,), "")


def _wrong_pins(round: RoundInput) -> Iterator[FieldError]:
    wished = {mentee.id: {wish.mentor for wish in mentee.wishes} for mentee in round.mentees}
    excluded = {(pair.mentee, pair.mentor): place for place, pair in enumerate(round.exclusions)}
    first: dict[str, int] = {}
    for place, pin in enumerate(round.pins):
        if (before := first.setdefault(pin.mentee, place)) != place and pin != round.pins[before]:
            yield _error(("pins", place), f"contradicts /pins/{before}: a mentee is pinned to one mentor")
        if (other := excluded.get((pin.mentee, pin.mentor))) is not None:
            yield _error(("pins", place), f"contradicts /exclusions/{other}: pin the pair or keep it apart")
        if pin.mentee in wished and pin.mentor not in wished[pin.mentee]:
            yield _error(
                ("pins", place),
                "is not among the mentee's wishes: the pair is forbidden (firewall, never-list, policy) or not listed",
            )


def _wrong_exchanges(round: RoundInput) -> Iterator[FieldError]:
    between = [(one.mentee_institution, one.mentor_institution) for one in round.exchanges]
    yield from _twice(between, ("exchanges",), "")
    home = {mentor.id: mentor.institution for mentor in round.mentors}
    wishing_across = Counter(
        (mentee.institution, institution)
        for mentee in round.mentees
        for institution in {home.get(wish.mentor) for wish in mentee.wishes}
    )
    for place, one in enumerate(round.exchanges):
        wishing = wishing_across[(one.mentee_institution, one.mentor_institution)]
        if wishing > one.at_most:
            said = f"is {one.at_most}, and {wishing} mentees have wishes across: a matching could have more such pairs"
            yield _error(("exchanges", place, "at_most"), said)


def _infeasible(round: RoundInput) -> Iterator[FieldError]:
    pinned: dict[str, list[int]] = defaultdict(list)
    for nth, pin in enumerate(round.pins):
        pinned[pin.mentor].append(nth)
    for place, mentor in enumerate(round.mentors):
        here = pinned.get(mentor.id, [])
        if len(here) > mentor.capacity:
            which = ", ".join(f"/pins/{nth}" for nth in here[:_MOST_ERRORS])
            said = f"is {mentor.capacity}, and {len(here)} people are pinned to this mentor: {which}"
            yield _error(("mentors", place, "capacity"), said)


def _twice(values: Sequence[Hashable], path: Sequence[str | int], field: str) -> Iterator[FieldError]:
    if len(set(values)) == len(values):
        return
    first: dict[Hashable, int] = {}
    for place, value in enumerate(values):
        if (before := first.setdefault(value, place)) != place:
            at = [*path, place, *([field] if field else [])]
            yield _error(at, f"appears twice: {pointer([*path, before])} is the same")


def _error(path: Iterable[str | int], message: str) -> FieldError:
    return FieldError(pointer(list(path)), message)
