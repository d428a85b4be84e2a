"""One programme: its mentors, its mentees held here, and the lists these have. Lists are exact, never approximated."""

from collections.abc import Callable, Collection, Iterable

import numpy as np

from services.matching.domain import rules, scoring
from services.matching.domain.columns import Bools, Rows, Side
from services.matching.domain.lists import NOT_ENROLLED, Entry, Shortlist, Stored
from services.matching.domain.model import Person, Policy, Weights, weights_for
from services.matching.index.people import People, Vocabulary
from shared.contracts.profiles import FACTORS, Role

_LONGEST = 10
_NOBODY = -1
Apart = Callable[[str, Role], Collection[str]]
"""Whom a person of this role may not be brought together with, by either side's wish or for what is between them."""


class Pool:
    def __init__(self, policy: Policy, vocabulary: Vocabulary, apart: Apart) -> None:
        self._policy = policy
        self._vocabulary = vocabulary
        self._apart = apart
        self._mentors = People(vocabulary)
        self._mentees = People(vocabulary)
        self._institution_of: dict[str, str] = {}
        self._weights: dict[str, Weights] = {}
        self._own_reasons: dict[str, Shortlist] = {}
        self._stored: dict[str, Stored] = {}
        self._held = _Held()
        self._exchanges: Bools = np.zeros((0, 0), dtype=np.bool_)

    @property
    def policy(self) -> Policy:
        return self._policy

    @property
    def mentees(self) -> Collection[str]:
        """Those whose lists are kept here."""
        return self._stored.keys()

    def govern(self, policy: Policy) -> None:
        """New rules; weights are renewed as mentees are put again."""
        self._policy = policy
        self._exchanges = np.zeros((0, 0), dtype=np.bool_)

    def put_mentor(self, mentor: Person) -> None:
        if not rules.is_mentor(mentor, self._policy):
            self._mentors.withdraw(mentor.id)
            return
        self._mentors.put(
            mentor.member,
            topics=mentor.member.topics_offered,
            seed=scoring.seed(mentor.id),
            free=rules.has_seat(mentor),
        )
        self._institution_of[mentor.id] = mentor.member.institution

    def put_mentee(self, mentee: Person) -> None:
        """Keeps this mentee's list from now on."""
        self._stored.setdefault(mentee.id, Stored())
        row = self._mentees.row(mentee.id)
        self._held.hold(row)
        if not rules.is_mentee(mentee, self._policy):
            self._mentees.withdraw(mentee.id)
            return
        reason = rules.own_reason(mentee)
        self._own_reasons.pop(mentee.id, None)
        if reason:
            self._own_reasons[mentee.id] = Shortlist(unmatched=reason)
        self._mentees.put(
            mentee.member,
            topics=mentee.member.topics_wanted,
            seed=scoring.seed(self._policy.programme.id, mentee.id),
            free=reason is None,
        )
        weights = weights_for(mentee, self._policy.programme)
        self._weights[mentee.id] = weights
        self._held.weigh(row, weights)

    def drop_mentee(self, mentee: str) -> None:
        """Somebody else keeps this list now."""
        self._stored.pop(mentee, None)
        row = self._mentees.withdraw(mentee)
        if row is not None:
            self._held.drop(row)

    def stored(self, mentee: str) -> Stored:
        return self._stored[mentee]

    def remember(self, mentee: str, shortlist: Shortlist, *, version: int) -> None:
        """What is stored now."""
        row = self._mentees.row(mentee)
        self._stored[mentee] = Stored.of(shortlist, version)
        mentors = [self._mentors.row(entry.mentor) for entry in shortlist.entries]
        last = shortlist.entries[-1].score if mentors else 0
        tie = self._tie(row, mentors[-1]) if mentors else 0
        self._held.remember(row, mentors, last=last, tie=tie)

    def awaits(self, mentee: str, *, renewal: bool) -> None:
        """Whether this list is going to be computed again."""
        self._held.awaited[self._mentees.rows[mentee]] = renewal

    def shortlist(self, mentee: str) -> Shortlist:
        """The list as it should be now."""
        row = self._mentees.rows[mentee]
        if not self._mentees.is_present(row):
            return NOT_ENROLLED
        if mentee in self._own_reasons:
            return self._own_reasons[mentee]
        me, mentors = self._mentees.one(row, **self._widths()), self._mentors.all(**self._widths())
        standing = np.ones(len(self._mentors), dtype=np.bool_)
        standing[self._mentors.at([mentee])] = False
        apart = self._flags(self._mentors, self._apart(mentee, "mentee"))
        for code, passes in rules.passing(me, mentors, self._allowed(), apart):
            standing &= passes
            if not standing.any():
                return Shortlist(unmatched=code)
        return self._best(mentee, me, mentors, np.flatnonzero(standing))

    def _best(self, mentee: str, me: Side, mentors: Side, rows: Rows) -> Shortlist:
        weights, programme = self._weights[mentee], self._policy.programme
        each = scoring.factors(me, mentors if rows.size == len(self._mentors) else mentors.take(rows))
        scores = scoring.weighed(each, weights)
        enough = np.flatnonzero(scores >= scoring.lowest_score(weights, programme.minimum_score))
        if not enough.size:
            return Shortlist(unmatched="below_minimum_score")
        places = enough[
            scoring.best(
                scores[enough], mentee=me.seed, mentors=mentors.seed[rows[enough]], length=programme.list_length
            )
        ]
        return Shortlist(
            tuple(
                self._entry(rows[place], int(scores[place]), tuple(int(factor[place]) for factor in each), weights)
                for place in places
            )
        )

    def _entry(self, row: int, score: int, factors: tuple[int, ...], weights: Weights) -> Entry:
        mentor = self._mentors.ids[row]
        return Entry(mentor, self._institution_of[mentor], score, scoring.weigh(factors, weights))

    def touched(self, mentor: str) -> list[str]:
        """Whose list may differ after this mentor's change: those who name them, those whom they would now enter, and
        those who have nobody, because the reason may be another. Not those whose list is awaited anyway.
        """
        row = self._mentors.rows.get(mentor)
        if row is None:
            return []
        held = self._held.first(len(self._mentees))
        open_to = held.kept & ~held.awaited
        if not open_to.any():
            return []
        mentees = self._mentees.all(**self._widths())
        has_nobody = mentees.present & mentees.free & (held.length == 0)
        touched = open_to & ((held.rows == row).any(axis=1) | has_nobody)
        if self._mentors.is_present(row):
            touched |= open_to & self._enters(mentor, row, mentees, held)
        return [self._mentees.ids[mentee] for mentee in np.flatnonzero(touched)]

    def _enters(self, mentor: str, row: int, mentees: Side, held: "_Held") -> Bools:
        one = self._mentors.one(row, **self._widths())
        passes = np.ones(len(self._mentees), dtype=np.bool_)
        passes[self._mentees.at([mentor])] = False
        apart = self._flags(self._mentees, self._apart(mentor, "mentor"))
        for _, by_rule in rules.passing(mentees, one, self._allowed(), apart):
            passes &= by_rule
            if not passes.any():
                return passes
        scores = scoring.weighed(scoring.factors(mentees, one), held.weights)
        lowest = self._policy.programme.minimum_score * held.weights.sum(axis=0)
        beats = (scores > held.last) | ((scores == held.last) & (scoring.ties(mentees.seed, one.seed) < held.tie))
        has_room = held.length < self._policy.programme.list_length
        entering: Bools = passes & (scores >= lowest) & (has_room | beats)
        return entering

    def _tie(self, mentee: int, mentor: int) -> int:
        widths = self._widths()
        return int(scoring.ties(self._mentees.one(mentee, **widths).seed, self._mentors.one(mentor, **widths).seed)[0])

    def _flags(self, people: People, ids: Iterable[str]) -> Bools:
        flags = np.zeros(len(people), dtype=np.bool_)
        flags[people.at(ids)] = True
        return flags

    def _widths(self) -> dict[str, int]:
        topics, languages = (max(widths) for widths in zip(self._mentors.words, self._mentees.words, strict=True))
        return {"topic_words": topics, "language_words": languages}

    def _allowed(self) -> Bools:
        """Which institutions' people may meet, by the numbers that the columns hold."""
        size = len(self._vocabulary.institutions)
        if len(self._exchanges) != size:
            self._exchanges = np.zeros((size, size), dtype=np.bool_)
            numbers = {name: self._vocabulary.institutions.number(name) for name in self._policy.programme.admits}
            size = len(self._vocabulary.institutions)
            self._exchanges = np.zeros((size, size), dtype=np.bool_)
            for one, row in numbers.items():
                for other, column in numbers.items():
                    self._exchanges[row, column] = self._policy.exchanges(one, other)
        return self._exchanges


class _Held:
    """The mentees' lists as columns, by the mentees' rows."""

    def __init__(self, rows: int = 64) -> None:
        self.kept: Bools = np.zeros(rows, dtype=np.bool_)
        self.awaited: Bools = np.zeros(rows, dtype=np.bool_)
        self.rows = np.full((rows, _LONGEST), _NOBODY, dtype=np.int32)
        self.length = np.zeros(rows, dtype=np.int32)
        self.last = np.zeros(rows, dtype=np.int32)
        """Score and tie of the last one on the list."""
        self.tie = np.zeros(rows, dtype=np.uint64)
        self.weights = np.zeros((len(FACTORS), rows), dtype=np.int32)

    def hold(self, row: int) -> None:
        while row >= self.kept.size:
            self._grow()
        self.kept[row] = True

    def drop(self, row: int) -> None:
        self.kept[row] = self.awaited[row] = False

    def weigh(self, row: int, weights: Weights) -> None:
        self.weights[:, row] = weights

    def remember(self, row: int, mentors: list[int], *, last: int, tie: int) -> None:
        self.rows[row] = _NOBODY
        self.rows[row, : len(mentors)] = mentors
        self.length[row], self.last[row], self.tie[row] = len(mentors), last, tie

    def first(self, count: int) -> "_Held":
        part = _Held(0)
        part.kept, part.rows, part.length = self.kept[:count], self.rows[:count], self.length[:count]
        part.awaited = self.awaited[:count]
        part.last, part.tie, part.weights = self.last[:count], self.tie[:count], self.weights[:, :count]
        return part

    def _grow(self) -> None:
        bigger, size = _Held(2 * self.kept.size), self.kept.size
        for name in ("kept", "awaited", "rows", "length", "last", "tie"):
            getattr(bigger, name)[:size] = getattr(self, name)
        bigger.weights[:, :size] = self.weights
        self.__dict__.update(bigger.__dict__)
