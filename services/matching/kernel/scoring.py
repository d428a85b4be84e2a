"""How well a mentor fits a mentee: whole numbers only, so that no order of additions and no batch shape changes a list.

A factor is 0 to 100, a weight 0 to 100, a score the sum of their products: at most `HIGHEST_SCORE`, which is exact in
int32 and in float32. Equal scores are ordered by a stable hash of programme, mentee and mentor. See docs/matching.md.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from services.matching.kernel import hours, specialties, zones
from services.matching.kernel.columns import UNKNOWN, Bools, Counts, Ints, Rows, Side, Words
from services.matching.kernel.participants import Member, Person, Weights
from services.matching.kernel.rules import FORMAT_BITS, common_formats
from shared.contracts.profiles import FACTORS, STAGES

_SAME_STAGE, _STAGES_BEHIND = 30, 0
_STAGE_AHEAD = (_SAME_STAGE, 80, 100, 90, 70, 60, 50)
"""By how many steps the mentor is ahead: near enough to remember, far enough to know."""
_WHERE_UNKNOWN = 50
_ONE_LANGUAGE, _MORE_LANGUAGES = 70, 100
_BY_STAGES = np.array([_WHERE_UNKNOWN, *[_STAGES_BEHIND] * (len(STAGES) - 1), *_STAGE_AHEAD], dtype=np.int32)
"""By steps ahead + len(STAGES); 0 stands for a stage that is not known."""
_BY_LANGUAGES = np.array([0, _ONE_LANGUAGE, _MORE_LANGUAGES], dtype=np.int32)
_FORMATS_IN = np.array([bits.bit_count() for bits in range(2 ** len(FORMAT_BITS))], dtype=np.int32)
_SHARE_OF_FORMATS = 100 * _FORMATS_IN[:, None] // np.maximum(1, _FORMATS_IN)
"""By those in common and those of the mentee."""
_ENOUGH_HALF_HOURS = 2 * 4
"""Of January and July together: two hours a week in common are as good as twenty, because a pair meets once."""
_BY_HALF_HOURS = np.array(
    [_WHERE_UNKNOWN, *(100 * common // _ENOUGH_HALF_HOURS for common in range(_ENOUGH_HALF_HOURS + 1))], dtype=np.int32
)
"""By common bits of those that say when; they have one bit more than half-hours in common."""
_BY_STYLES = np.array([_WHERE_UNKNOWN, 0, 100], dtype=np.int32)
"""Not known; known; and the same."""
OPEN = FACTORS.index("load")
"""Factors before this one may be shown to the mentee, and count for what is the best possible."""
HIGHEST_SCORE = 100 * 100 * len(FACTORS)
if HIGHEST_SCORE >= 2**24:
    raise ImportError(f"{len(FACTORS)} factors make scores of {HIGHEST_SCORE}, which float32 cannot hold exactly")
_WORD = 2**64 - 1
_HUNDRED = np.int32(100)


def factors_of(mentee: Person, mentor: Person) -> tuple[int, ...]:
    """The factors of one pair, in the order of FACTORS."""
    seeker, offering = mentee.member, mentor.member
    languages, formats = len(seeker.languages & offering.languages), len(seeker.formats)
    steps = steps_ahead(mentee, mentor)
    return (
        _topics(mentee, offering),
        specialties.closeness(seeker.specialty, offering.specialty),
        int(_BY_STAGES[0 if steps is None else steps + len(STAGES)]),
        int(_BY_LANGUAGES[min(languages, 2)]),
        100 * len(common_formats(mentee, mentor)) // max(1, formats),
        int(zones.nearness()[zones.class_of(seeker.time_zone), zones.class_of(offering.time_zone)]),
        _WHERE_UNKNOWN if None in (seeker.style, offering.style) else 100 * (seeker.style == offering.style),
        _common_time(seeker, offering),
        free_seat_percent(mentor),
        mentor.experience,
        100 if mentee.identity_wish & mentor.private.identity else 0,
    )


def steps_ahead(mentee: Person, mentor: Person) -> int | None:
    """Stages that the mentor is ahead, or behind where the mentee looks for that; None where one is not known."""
    mentees_stage, mentors_stage = mentee.member.stage, mentor.member.stage
    if mentees_stage is None or mentors_stage is None:
        return None
    steps = STAGES.index(mentors_stage) - STAGES.index(mentees_stage)
    return -steps if mentee.member.reverse_mentoring else steps


def free_seat_percent(mentor: Person) -> int:
    """Percent of the seats that are neither taken nor requested, so that requests are spread over mentors."""
    carried = mentor.taken + mentor.asked
    return 100 - 100 * carried // max(1, mentor.member.capacity, carried)


def hour_bits(member: Member) -> frozenset[int]:
    """The half-hours as bits for columns. Those of January and of July alternate, so that they fill few words."""
    given = {2 * slot + season for season, slots in enumerate(hours.by_season(member)) for slot in slots}
    return frozenset(given | {2 * hours.HALF_HOURS} if given else given)


def _topics(mentee: Person, mentor: Member) -> int:
    """A wanted topic counts whole where it is offered and half where one near it is."""
    wanted, most = mentee.member.topics_wanted, mentee.topics_most_wanted
    halves = sum(2 * len(each & mentor.topics_offered) + len(each & mentor.topics_near) for each in (wanted, most))
    return 100 * halves // (2 * max(1, len(wanted) + len(most)))


def _common_time(mentee: Member, mentor: Member) -> int:
    if not any(hours.by_season(mentee)) or not any(hours.by_season(mentor)):
        return _WHERE_UNKNOWN
    return 100 * min(sum(hours.in_common(mentee, mentor)), _ENOUGH_HALF_HOURS) // _ENOUGH_HALF_HOURS


def factors(mentees: Side, mentors: Side) -> list[Ints]:
    """Each factor of many pairs, in the order of FACTORS."""
    return [factor(mentees, mentors) for factor, _ in EACH]


def weighted_scores(each: Sequence[Ints], weights: Sequence[int] | Ints) -> Ints:
    """The scores; a weight is one number, or one for each pair."""
    scores = each[0] * weights[0]
    for factor, weight in zip(each[1:], weights[1:], strict=True):
        scores = scores + factor * weight
    return np.asarray(scores, dtype=np.int32)


def _count(words: Words) -> Counts:
    each = np.bitwise_count(words)
    count: Counts = each[0] if len(each) == 1 else np.add.reduce(each, axis=0, dtype=np.uint16)
    return count


def _take(table: Ints, indices: npt.NDArray[np.integer[Any]]) -> Ints:
    """`table[indices]` without bounds checks, which is faster; every index must be within the table."""
    return table.take(indices, mode="clip")


def _common(mentees: Words, mentors: Words) -> Counts:
    """How many bits both have. Where one side is one person, words that are empty there are left out."""
    for side in (mentees, mentors):
        if side.shape[-1] == 1:
            used = side.any(axis=-1)
            return _count(mentees[used] & mentors[used])
    return _count(mentees & mentors)


def _share_of_topics(mentees: Side, mentors: Side) -> Ints:
    wanted, halves = _count(mentees.topics), _common_halves(mentees.topics, mentors)
    if mentees.most_wanted.any():
        wanted = wanted + _count(mentees.most_wanted)
        halves = halves + _common_halves(mentees.most_wanted, mentors)
    if wanted.size == 1:
        return _take(_share_table(int(wanted[0]))[-1], halves)
    most = int(wanted.max(initial=0))
    return _take(_share_table(most).ravel(), wanted * np.int32(2 * most + 1) + halves)


def _common_halves(topics: Words, mentors: Side) -> Counts:
    """Two for each of these topics that is offered, one for each that is near. 16 bits: 64 topics have 128 halves."""
    return _common(topics, mentors.topics) * np.uint16(2) + _common(topics, mentors.near)


@lru_cache(maxsize=256)
def _share_table(most: int) -> Ints:
    """`[wanted, halves]`: percent of the wanted topics, for up to `most` of them, that these halves are.

    A look-up is faster than a division for each pair.
    """
    wanted, halves = np.arange(most + 1, dtype=np.int32), np.arange(2 * most + 1, dtype=np.int32)
    share: Ints = _HUNDRED * halves // (2 * np.maximum(1, wanted)[:, None])
    return share


def _stage(mentees: Side, mentors: Side) -> Ints:
    known = (mentees.stage != UNKNOWN) & (mentors.stage != UNKNOWN)
    ahead = (mentors.stage - mentees.stage) * (1 - 2 * mentees.reverse.astype(np.int32))
    return _take(_BY_STAGES, (ahead + len(STAGES)) * known)


def _hours(mentees: Words, mentors: Words) -> Ints:
    return _take(_BY_HALF_HOURS, _common(mentees, mentors))


def _identity(mentees: Words, mentors: Words) -> Ints:
    if not mentees.any():
        return np.zeros(np.broadcast_shapes(mentees.shape, mentors.shape)[1:], dtype=np.int32)
    return np.asarray(np.any(mentees & mentors, axis=0) * _HUNDRED)


def _format(mentees: Side, mentors: Side) -> Ints:
    together = (mentees.institution == mentors.institution) * np.int32(FORMAT_BITS["in_person"])
    common = mentees.formats & mentors.formats & (together | ~FORMAT_BITS["in_person"])
    return _take(_SHARE_OF_FORMATS.ravel(), common * np.int32(len(_FORMATS_IN)) + mentees.formats)


def _zone(mentee: Ints, mentor: Ints) -> Ints:
    """Where one side is one person, a row of the table is looked up in, which takes fewer steps."""
    nearness = zones.nearness()
    for single, others in ((mentee, mentor), (mentor, mentee)):
        if single.size == 1:
            return _take(nearness[single.item()], others)
    return _take(nearness.ravel(), mentee * np.int32(len(nearness)) + mentor)


def _style(mentee: Ints, mentor: Ints) -> Ints:
    known = (mentee != UNKNOWN) & (mentor != UNKNOWN)
    return _take(_BY_STYLES, known * np.int8(1) + (known & (mentee == mentor)))


EACH: tuple[tuple[Callable[[Side, Side], Ints], tuple[str, ...]], ...] = (
    (_share_of_topics, ("topics", "most_wanted")),
    (lambda mentees, mentors: specialties.nearness(mentees.specialty, mentors.specialty), ("specialty",)),
    (_stage, ("stage", "reverse")),
    (lambda mentees, mentors: _take(_BY_LANGUAGES, _common(mentees.languages, mentors.languages)), ("languages",)),
    (_format, ("formats", "institution")),
    (lambda mentees, mentors: _zone(mentees.zone, mentors.zone), ("zone",)),
    (lambda mentees, mentors: _style(mentees.style, mentors.style), ("style",)),
    (lambda mentees, mentors: _hours(mentees.hours, mentors.hours), ("hours",)),
    (lambda mentees, mentors: mentors.room + np.zeros_like(mentees.room), ("room",)),
    (lambda mentees, mentors: mentors.experience + np.zeros_like(mentees.experience), ("experience",)),
    (lambda mentees, mentors: _identity(mentees.identity, mentors.identity), ("identity",)),
)
"""The factors in the order of FACTORS, and which of the mentee's columns each of them reads."""


def percent(score: int, weights: Weights) -> int:
    """Of the best score that these weights allow; what is shown says nothing of the factors from OPEN on."""
    return score // max(1, sum(weights[:OPEN]))


def reaches_minimum(parts: Sequence[int], weights: Weights, minimum_percent: int) -> bool:
    """Whether a pair's contributions reach the minimum score. The factors from OPEN on only order a list: they do not
    count here.
    """
    return sum(parts[:OPEN]) >= minimum_percent * sum(weights[:OPEN])


def reach_minimum(scores: Ints, each: Sequence[Ints], weights: Sequence[int] | Ints, *, minimum_percent: int) -> Bools:
    """`reaches_minimum` for many pairs; `each` and `weights` as in `weighted_scores`."""
    if minimum_percent == 0:
        return np.ones(scores.shape, dtype=np.bool_)
    not_counted = sum(factor * weight for factor, weight in zip(each[OPEN:], weights[OPEN:], strict=True))
    return np.asarray(scores - not_counted >= minimum_percent * sum(weights[:OPEN]))


def weigh(factor: tuple[int, ...], weights: Weights) -> tuple[int, ...]:
    return tuple(value * weight for value, weight in zip(factor, weights, strict=True))


def seed(*ids: str) -> int:
    """64 bits of BLAKE2b (RFC 7693)."""
    return int.from_bytes(blake2b("\n".join(ids).encode(), digest_size=8).digest(), "big")


def ties(mentees: Words, mentors: Words) -> Words:
    """SplitMix64's finaliser over both seeds: a bijection for each mentee, so no two mentors of one list meet."""
    mixed: Words = np.atleast_1d(mentees) ^ np.atleast_1d(mentors)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def tie(programme: str, mentee: str, mentor: str) -> int:
    """Of one pair; the lower goes first."""
    return tie_of(seed(programme, mentee), seed(mentor))


def tie_of(mentee: int, mentor: int) -> int:
    """`ties` of one pair of seeds: an array of one costs ten times as much."""
    mixed = mentee ^ mentor
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 & _WORD
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB & _WORD
    return mixed ^ (mixed >> 31)


def best(scores: npt.NDArray[np.integer[Any]], *, mentee: Words, mentors: Words, length: int) -> Rows:
    """Places of the best by score, then tie, exact. `mentee` and `mentors` are seeds; only the near ones are mixed."""
    near = np.arange(scores.size)
    if scores.size > length:
        last = np.partition(scores, scores.size - length)[scores.size - length]
        near = np.flatnonzero(scores >= last)
    order = np.lexsort((ties(mentee, mentors[near]), -scores[near].astype(np.int32)))
    return near[order[:length]]
