"""The pairs of a round that no hard rule forbids, with their scores: by columns, as the service's index does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.matching.kernel import rules, scoring
from services.matching.kernel.columns import ExchangeTables, Ints, Rows, Side
from services.matching.kernel.participants import Person, Policy, weights_for
from services.matching.rounds.solver.wishing import Pairs
from services.matching.suggestions.index.people import People, Vocabulary, common_widths
from shared.contracts.matching import Unmatched

_ONE_INSTITUTION = ExchangeTables(agreed=np.ones((1, 1), dtype=np.bool_), below_ceiling=np.ones((1, 1), dtype=np.bool_))
Ranks = Mapping[str, Mapping[str, int]]
"""By chooser the ranks of those chosen, as pseudonyms."""

WHY: Mapping[Unmatched, str] = {
    "no_mentor_in_programme": "they are the same person, or one of them has another role in the programme",
    "profile_incomplete": "the mentee gives no topics_wanted or no languages",
    "none_allowed_between_institutions": "their institutions have no agreement",
    "no_common_language": "they have no language in common (field languages)",
    "no_common_format": "they have no way of meeting in common (field formats)",
    "not_available": "the mentor takes no mentees (field capacity or hours_per_month is 0)",
}
"""Why a rule forbids a pair, with the field that decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligible:
    pairs: Pairs
    """Of each mentee the best by score, and all whom the mentee chose."""
    mentees_reached: Ints
    """By mentor: how many mentees may be matched with this mentor."""
    forbidden_by_rule: Mapping[Unmatched, Ints]
    """By rule and mentor: how many mentees this rule was the first to forbid."""
    unmatchable: Mapping[str, Unmatched]
    """By mentee who cannot be matched with anybody: the rule that was the first to forbid most mentors."""


def eligible(
    mentees: Mapping[str, Person],
    mentors: Mapping[str, Person],
    policy: Policy,
    *,
    round: str,
    list_length: int,
    mentees_chose: Ranks,
    mentors_chose: Ranks,
) -> Eligible:
    """`mentees` and `mentors` by pseudonym; the pseudonyms seed the lots that break ties."""
    mentee_columns, mentor_columns = _columns(mentees, mentors, round)
    column = {id: number for number, id in enumerate(mentors)}
    column_of_person = {person.id: number for number, person in enumerate(mentors.values())}
    reached = np.zeros(len(mentors), dtype=np.int32)
    forbidden_by_rule = {code: np.zeros(len(mentors), dtype=np.int32) for code in rules.ORDER}
    found: list[tuple[Rows, Ints]] = []
    unmatchable: dict[str, Unmatched] = {}
    for row, (id, person) in enumerate(mentees.items()):
        mentee_row = mentee_columns.take(slice(row, row + 1))
        same_person = np.zeros(len(mentors), dtype=np.bool_)
        if person.id in column_of_person:
            same_person[column_of_person[person.id]] = True
        allowed = np.ones(len(mentors), dtype=np.bool_)
        forbidden: dict[Unmatched, int] = {}
        for code, passes in rules.passing(mentee_row, mentor_columns, _ONE_INSTITUTION, same_person):
            fails = allowed & ~passes
            forbidden_by_rule[code] += fails
            forbidden[code] = int(fails.sum())
            allowed &= passes
        if len(mentors) and not allowed.any():
            unmatchable[id] = max(forbidden, key=lambda code: forbidden[code])
        reached += allowed
        chosen = [column[other] for other in mentees_chose.get(id, ())]
        found.append(
            _best(mentee_row, mentor_columns, allowed, weights_for(person, policy.programme), chosen, list_length)
        )
    return Eligible(
        pairs=_pairs(found, list(mentees), list(mentors), mentees_chose, mentors_chose),
        mentees_reached=reached,
        forbidden_by_rule=forbidden_by_rule,
        unmatchable=unmatchable,
    )


def _columns(mentees: Mapping[str, Person], mentors: Mapping[str, Person], round: str) -> tuple[Side, Side]:
    vocabulary = Vocabulary()
    mentee_columns, mentor_columns = People(vocabulary), People(vocabulary)
    for id, mentee in mentees.items():
        mentee_columns.put(
            mentee.member,
            topics=mentee.member.topics_wanted,
            identity=(),
            room_and_experience=(0, 0),
            seed=scoring.seed(round, id),
            free=rules.own_reason(mentee) is None,
        )
    for id, mentor in mentors.items():
        mentor_columns.put(
            mentor.member,
            topics=mentor.member.topics_offered,
            identity=(),
            room_and_experience=(scoring.free_seat_percent(mentor), mentor.experience),
            seed=scoring.seed(id),
            free=rules.has_seat(mentor),
        )
    widths = common_widths(mentor_columns, mentee_columns)
    return mentee_columns.all(widths), mentor_columns.all(widths)


def _best(
    mentee_row: Side,
    mentor_columns: Side,
    allowed: np.ndarray,
    weights: Sequence[int],
    chosen: Sequence[int],
    length: int,
) -> tuple[Rows, Ints]:
    columns = np.flatnonzero(allowed)
    if not columns.size:
        return columns, np.zeros(0, dtype=np.int32)
    scores = scoring.weighted_scores(scoring.factors(mentee_row, mentor_columns), weights)
    best = columns[
        scoring.best(scores[columns], mentee=mentee_row.seed, mentors=mentor_columns.seed[columns], length=length)
    ]
    taken = np.union1d(best, [number for number in chosen if allowed[number]]).astype(np.intp)
    return taken, scores[taken]


def _pairs(
    found: Sequence[tuple[Rows, Ints]],
    mentees: Sequence[str],
    mentors: Sequence[str],
    mentees_chose: Ranks,
    mentors_chose: Ranks,
) -> Pairs:
    mentee = np.repeat(np.arange(len(found)), [len(columns) for columns, _ in found])
    mentor = np.concatenate([columns for columns, _ in found]) if found else np.zeros(0, dtype=np.intp)
    score = np.concatenate([scores for _, scores in found]) if found else np.zeros(0, dtype=np.int32)
    ids = [(mentees[row], mentors[number]) for row, number in zip(mentee.tolist(), mentor.tolist(), strict=True)]
    none: Mapping[str, int] = {}
    return Pairs(
        mentee=mentee,
        mentor=mentor,
        score=score.astype(np.int64),
        named=np.array(
            [mentees_chose.get(mentee_id, none).get(mentor_id, 0) for mentee_id, mentor_id in ids], dtype=np.int64
        ),
        mentor_named=np.array(
            [mentors_chose.get(mentor_id, none).get(mentee_id, 0) for mentee_id, mentor_id in ids], dtype=np.int64
        ),
    )
