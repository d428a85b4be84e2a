"""How often to match: one generated year, replayed event by event, in batches, and as one batch at its end.

Mentees and mentors come at times drawn from a seed, and stay. A match is made by deferred acceptance among those who
wait and the seats that are free; it lasts. Fit is a pair's score, in percent of the best that the mentee could have had
with anybody of that year; wait is from coming to the match, or to the year's end for who is left over.
"""

from dataclasses import dataclass

import numpy as np

from bench import drawing
from bench.figures import Figure
from bench.lists import Town
from services.matching.kernel.columns import Rows
from services.matching.rounds.solver.model import NONE, Longs, Wishes, instance
from services.matching.rounds.solver.proposals import fit

_DAYS = 365.0
_MENTEES, _MENTORS = 2_000, 700
_LIST_LENGTH = 200
_EVERY: dict[str, float | None] = {"event by event": None, "daily": 1, "weekly": 7, "monthly": 30, "one batch": _DAYS}
"""Days between two rounds; None: a round at each arrival."""


@dataclass(frozen=True, kw_only=True)
class History:
    mentee_came: np.ndarray[tuple[int], np.dtype[np.float64]]
    mentor_came: np.ndarray[tuple[int], np.dtype[np.float64]]
    capacity: Longs
    mentee: Rows
    """With `mentor` and `score`: one entry a wish, the best first."""
    mentor: Rows
    score: Longs


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    every: str
    rounds: int
    matched: int
    fit_percent: float
    wait_days: float


def replay() -> list[Figure]:
    history = _history()
    replays = [_replayed(history, name, days) for name, days in _EVERY.items()]
    drawing.replay(
        [result.every for result in replays],
        [result.wait_days for result in replays],
        [result.fit_percent for result in replays],
    )
    seats = int(history.capacity.sum())
    note = f"{_MENTEES:,} mentees and {_MENTORS:,} mentors with {seats:,} seats come over {_DAYS:.0f} days"
    return [figure for result in replays for figure in _figures(result, note)]


def _figures(result: Replayed, note: str) -> list[Figure]:
    note_of_rounds = f"{result.rounds:,} rounds; {result.matched:,} matched; {note}"
    return [
        Figure(
            name=f"matching {result.every}: fit of who is matched",
            value=result.fit_percent,
            unit="%",
            note=note_of_rounds,
        ),
        Figure(name=f"matching {result.every}: mean wait", value=result.wait_days, unit="days"),
    ]


def _history() -> History:
    """Scores come from matching while no seat is taken: the replay assigns the seats itself."""
    town, chance = Town(mentors=_MENTORS, mentees=_MENTEES), np.random.default_rng(2026)
    members = {member.id: member for member in town.members}
    ranked = town.pool.ranked(town.mentees, _LIST_LENGTH)
    return History(
        mentee_came=chance.uniform(0, _DAYS, _MENTEES),
        mentor_came=chance.uniform(0, _DAYS, _MENTORS),
        capacity=np.array([members[f"mentor-{number}"].capacity for number in range(_MENTORS)], dtype=np.int64),
        mentee=np.repeat(np.arange(_MENTEES), [len(shortlist.mentors) for shortlist in ranked]),
        mentor=np.array(
            [int(id.rpartition("-")[2]) for shortlist in ranked for id in shortlist.mentors], dtype=np.intp
        ),
        score=np.array([score for shortlist in ranked for score in shortlist.scores], dtype=np.int64),
    )


def _replayed(history: History, every: str, days: float | None) -> Replayed:
    moments = _moments(history, days)
    free = history.capacity.copy()
    matched, score = np.full(_MENTEES, _DAYS), np.zeros(_MENTEES)
    waits = np.ones(_MENTEES, dtype=np.bool_)
    for now in moments:
        live = waits & (history.mentee_came <= now)
        can = live[history.mentee] & ((history.mentor_came <= now) & (free > 0))[history.mentor]
        won = _round(history, np.flatnonzero(can), free)
        people = history.mentee[won]
        waits[people], matched[people], score[people] = False, now, history.score[won]
        np.subtract.at(free, history.mentor[won], 1)
    best = np.zeros(_MENTEES)
    np.maximum.at(best, history.mentee, history.score)
    done = ~waits
    return Replayed(
        every=every,
        rounds=len(moments),
        matched=int(done.sum()),
        fit_percent=float(100 * (score[done] / best[done]).mean()),
        wait_days=float((matched - history.mentee_came).mean()),
    )


def _moments(history: History, days: float | None) -> list[float]:
    if days is None:
        return sorted([*history.mentee_came.tolist(), *history.mentor_came.tolist()])
    return np.append(np.arange(days, _DAYS, days), _DAYS).tolist()


def _round(history: History, wishes: Rows, free: Longs) -> Rows:
    """The wishes that are granted. Both sides rank by score."""
    if not wishes.size:
        return wishes
    mentees, mentee = np.unique(history.mentee[wishes], return_inverse=True)
    mentors, mentor = np.unique(history.mentor[wishes], return_inverse=True)
    rank = -history.score[wishes]
    columns = instance(
        Wishes(mentee=mentee, mentor=mentor, rank=rank, mentor_rank=rank, score=history.score[wishes]),
        round="replay",
        mentees=[f"m{mentee}" for mentee in mentees.tolist()],
        mentors=[f"h{mentor}" for mentor in mentors.tolist()],
        capacity=free[mentors],
    )
    kept = fit(columns)
    kept = kept[kept != NONE]
    key = mentee * mentors.size + mentor
    order = np.argsort(key)
    at: Rows = np.searchsorted(key, columns.mentee[kept] * mentors.size + columns.mentor[kept], sorter=order)
    return wishes[order[at]]
