"""One programme: its mentors, its mentees held here, and the lists these have. Lists are exact, never approximated.

A mentor who changes is in their column at once, and in the reserves when `touched` was asked of them; until then lists
are searched for, not read from a reserve.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from services.matching.kernel import rules, scoring
from services.matching.kernel.columns import Bools, Ints, Rows, Side, Words
from services.matching.kernel.participants import Exchange, Person, Policy, Weights, weights_for
from services.matching.suggestions.domain import NOT_ENROLLED, Entry, OwnSequences, Shortlist, Stored
from services.matching.suggestions.index.exchanges import Exchanges
from services.matching.suggestions.index.people import People, Vocabulary, Widths, common_widths
from services.matching.suggestions.index.ranking import Ranking
from services.matching.suggestions.index.reserves import Reserves
from services.matching.suggestions.index.stored_columns import LONGEST, StoredListColumns
from shared.contracts.matching import Unmatched
from shared.contracts.profiles import Role

Apart = Callable[[str, Role], Collection[str]]
"""People whom a person of this role must not be matched with, by either side's wish, a bond or an assessment."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A mentee's mentors with their scores, the best first."""

    mentors: Sequence[str]
    scores: Sequence[int]
    unmatched: Unmatched | None
    """Why there are no mentors."""


class Pool:
    def __init__(self, policy: Policy, vocabulary: Vocabulary, apart: Apart, *, reserve: int) -> None:
        self._policy = policy
        self._vocabulary = vocabulary
        self._apart = apart
        self._mentors = People(vocabulary)
        self._mentees = People(vocabulary)
        self._weights: dict[str, Weights] = {}
        self._own_reasons: dict[str, Shortlist] = {}
        self._stored: dict[str, Stored] = {}
        self._held = StoredListColumns()
        self._reserves = Reserves(self._ties, size=reserve)
        self._changed_mentors: set[int] = set()
        self._prepared: dict[str, tuple[Shortlist, list[int]]] = {}
        """With the rows of its mentors."""
        self._exchanges = Exchanges(vocabulary.institutions)

    @property
    def policy(self) -> Policy:
        return self._policy

    @property
    def mentees(self) -> Collection[str]:
        """Those whose lists are kept here."""
        return self._stored.keys()

    def set_policy(self, policy: Policy) -> None:
        """Replaces the rules; mentors and mentees are to be put again, which renews weights."""
        self._prepared.clear()
        self._policy = policy
        self.invalidate_exchanges()
        self._reserves.clear()
        self._changed_mentors.clear()

    def invalidate_exchanges(self) -> None:
        """To be called when an exchange reaches its ceiling or falls below it. The mentees concerned are to be put
        again.
        """
        self._prepared.clear()
        self._exchanges.invalidate()

    def put_mentor(self, mentor: Person) -> None:
        self._prepared.clear()
        if self._reserves.any_known:
            self._changed_mentors.add(self._mentors.row(mentor.id))
        if not rules.is_mentor(mentor, self._policy):
            self._mentors.withdraw(mentor.id)
            return
        self._mentors.put(
            mentor.member,
            topics=mentor.member.topics_offered,
            identity=mentor.private.identity,
            room_and_experience=(scoring.free_seat_percent(mentor), mentor.experience),
            seed=scoring.seed(mentor.id),
            free=rules.has_seat(mentor),
        )

    def put_mentee(self, mentee: Person) -> None:
        """Keeps this mentee's list from now on."""
        self._prepared.clear()
        self._stored.setdefault(mentee.id, Stored())
        row = self._mentees.row(mentee.id)
        self._held.hold(row)
        self._reserves.forget(row)
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
            most_wanted=mentee.topics_most_wanted,
            identity=mentee.identity_wish,
            room_and_experience=(0, 0),
            seed=scoring.seed(self._policy.programme.id, mentee.id),
            free=reason is None,
        )
        weights = weights_for(mentee, self._policy.programme)
        self._weights[mentee.id] = weights
        self._held.weigh(row, weights)

    def drop_mentee(self, mentee: str) -> None:
        """Stops keeping this list: another process holds it."""
        self._prepared.clear()
        self._stored.pop(mentee, None)
        row = self._mentees.withdraw(mentee)
        if row is not None:
            self._held.drop(row)
            self._reserves.forget(row)

    def stored(self, mentee: str) -> Stored:
        return self._stored[mentee]

    def remember(self, mentee: str, shortlist: Shortlist, *, version: int, own: OwnSequences | None) -> None:
        """Records the list as stored."""
        row = self._mentees.row(mentee)
        self._stored[mentee] = Stored.of(shortlist, version=version, own=own)
        prepared, mentors = self._prepared.get(mentee, (None, []))
        if prepared is not shortlist:
            mentors = [self._mentors.row(mentor) for mentor in self._stored[mentee].mentors]
        last = shortlist.entries[-1].score if mentors else 0
        tie = scoring.tie_of(int(self._mentees.seeds[row]), int(self._mentors.seeds[mentors[-1]])) if mentors else 0
        self._held.remember(row, mentors, last=last, tie=tie)

    def set_renewal_queued(self, mentee: str, *, queued: bool) -> None:
        """Whether this list is going to be computed again."""
        self._held.awaited[self._mentees.rows[mentee]] = queued

    def is_awaited(self, mentee: str) -> bool:
        return mentee in self._stored and bool(self._held.awaited[self._mentees.rows[mentee]])

    @property
    def row_count(self) -> int:
        """Rows of mentees whose lists are kept here or were."""
        return len(self._mentees)

    def mentee_at(self, row: int) -> str:
        return self._mentees.ids[row]

    def shortlist(self, mentee: str) -> Shortlist:
        """The list as it should be now."""
        row = self._mentees.rows[mentee]
        if not self._mentees.is_present(row):
            return NOT_ENROLLED
        if mentee in self._own_reasons:
            return self._own_reasons[mentee]
        if mentee not in self._prepared:
            self.prepare([mentee])
        return self._prepared[mentee][0] if mentee in self._prepared else self._searched(mentee, row)

    def prepare(self, mentees: Collection[str]) -> None:
        """Reads these mentees' lists from their reserves, as one product, as far as that is possible; for `shortlist`,
        until the next change.
        """
        rows = np.array([self._mentees.rows[mentee] for mentee in mentees], dtype=np.intp)
        length = self._policy.programme.list_length
        rows = rows[self._reserves.knows_first(rows, length)]
        if self._changed_mentors or not rows.size:
            return
        positions, mentors, scores = self._reserves.first(rows, length)
        sides = self._mentees.all(self._widths()).take(rows[positions]), self._mentors.all(self._widths()).take(mentors)
        parts = np.stack(scoring.factors(*sides)) * self._held.weights[:, rows[positions]]
        entries = self._entries(mentors, scores, parts)
        begins, of = np.searchsorted(positions, np.arange(rows.size + 1)).tolist(), mentors.tolist()
        for row, (begin, end) in zip(rows.tolist(), pairwise(begins), strict=True):
            self._prepared[self._mentees.ids[row]] = Shortlist(entries[begin:end]), of[begin:end]

    def searched(self, mentee: str) -> Shortlist:
        """The list as it should be now, computed from all mentors without reserves."""
        self._prepared.pop(mentee, None)
        self._reserves.forget(self._mentees.rows[mentee])
        return self.shortlist(mentee)

    def ranked(self, mentees: Sequence[str], length: int) -> list[Ranked]:
        """The best mentors of each mentee, as many as `length`."""
        return self._ranked(mentees, length, frozenset())

    def ranked_without(self, closed: Mapping[str, frozenset[Exchange]], length: int) -> Iterator[tuple[str, Ranked]]:
        """Like `ranked`, as if the exchanges closed for each mentee had reached their ceilings."""
        together: defaultdict[frozenset[Exchange], list[str]] = defaultdict(list)
        for mentee, exchanges in closed.items():
            together[exchanges].append(mentee)
        for exchanges, mentees in together.items():
            for mentee, found in zip(mentees, self._ranked(mentees, length, exchanges), strict=True):
                is_kept_out = not found.mentors and found.unmatched is None
                yield mentee, replace(found, unmatched="not_available") if is_kept_out else found

    def _ranked(self, mentees: Sequence[str], length: int, closed: frozenset[Exchange]) -> list[Ranked]:
        widths = self._widths()
        all_mentors, ids = self._mentors.all(widths), self._mentors.ids
        exchanges = self._exchanges.tables_without(closed, self._policy)
        ranking = Ranking(all_mentors, exchanges, least=self._policy.programme.minimum_score, length=length)
        rows = self._mentees.rows_of(mentees)
        found: dict[str, Ranked] = {}

        def apart(position: int) -> Rows:
            return self._mentors.rows_of([mentees[position], *self._apart(mentees[position], "mentee")])

        people, weights = self._mentees.all(widths).take(rows), self._held.weights[:, rows]
        for position, best, scores in ranking.best(people, weights, apart):
            unmatched = None if best.size else self.searched(mentees[position]).unmatched
            found[mentees[position]] = Ranked([ids[row] for row in best.tolist()], scores.tolist(), unmatched)
        return [found[mentee] for mentee in mentees]

    def _searched(self, mentee: str, row: int) -> Shortlist:
        me, mentors = self._mentees.at_row(row, self._widths()), self._mentors.all(self._widths())
        remaining = np.ones(len(self._mentors), dtype=np.bool_)
        remaining[self._mentors.rows_of([mentee])] = False
        apart = self._flags(self._mentors, self._apart(mentee, "mentee"))
        for code, passes in rules.passing(me, mentors, self._exchanges.tables(self._policy), apart):
            remaining &= passes
            if not remaining.any():
                return Shortlist(unmatched=code)
        return self._best(mentee, row, me, mentors, np.flatnonzero(remaining))

    def _best(self, mentee: str, row: int, me: Side, mentors: Side, rows: Rows) -> Shortlist:
        weights, programme = self._weights[mentee], self._policy.programme
        each = scoring.factors(me, mentors if rows.size == len(self._mentors) else mentors.take(rows))
        scores = scoring.weighted_scores(each, weights)
        enough = np.flatnonzero(scoring.reach_minimum(scores, each, weights, minimum_percent=programme.minimum_score))
        if not enough.size:
            return Shortlist(unmatched="below_minimum_score")
        length = max(programme.list_length, self._reserves.size + 1)
        positions = enough[
            scoring.best(scores[enough], mentee=me.seed, mentors=mentors.seed[rows[enough]], length=length)
        ]
        self._reserves.fill(row, rows[positions], scores[positions])
        first = positions[: programme.list_length]
        parts = np.stack([factor[first] for factor in each]) * np.array(weights, dtype=np.int32)[:, None]
        return Shortlist(self._entries(rows[first], scores[first], parts))

    def _entries(self, mentors: Rows, scores: Ints, parts: Ints) -> tuple[Entry, ...]:
        """`parts` by factor and pair."""
        ids, names = self._mentors.ids, self._vocabulary.institutions.names
        homes, each = self._mentors.institutions[mentors].tolist(), zip(*parts.tolist(), strict=True)
        pairs = zip(mentors.tolist(), homes, scores.tolist(), each, strict=True)
        return tuple([Entry(ids[row], names[home], score, contributions) for row, home, score, contributions in pairs])

    def touched(self, mentor: str) -> list[str]:
        """Mentees whose list may differ after this mentor's change: the mentor is on it or would enter it, or it is
        empty, as its reason may change. Lists that are queued for renewal are left out.
        """
        row = self._mentors.rows.get(mentor)
        if row is None:
            return []
        self._changed_mentors.discard(row)
        held, mentees = self._held.first(len(self._mentees)), self._mentees.all(self._widths())
        if not held.kept.any():
            return []
        eligible, scores = self._for_all(mentor, row, mentees, held)
        self._reserves.put(row, eligible, scores)
        is_empty = mentees.present & mentees.free & (held.length == 0)
        named = np.zeros(len(self._mentees), dtype=np.bool_)
        named[np.flatnonzero(held.rows.reshape(-1) == row) // LONGEST] = True
        touched = held.kept & ~held.awaited & (named | is_empty | self._enters(row, eligible, scores, held))
        return [self._mentees.ids[mentee] for mentee in np.flatnonzero(touched)]

    def _for_all(self, mentor: str, row: int, mentees: Side, held: StoredListColumns) -> tuple[Bools, Ints]:
        """By mentee: whether this mentor is eligible for the list, and the score."""
        eligible, nothing = held.kept.copy(), np.zeros(len(self._mentees), dtype=np.int32)
        if not self._mentors.is_present(row):
            return np.zeros_like(eligible), nothing
        changed = self._mentors.at_row(row, self._widths())
        eligible[self._mentees.rows_of([mentor])] = False
        apart = self._flags(self._mentees, self._apart(mentor, "mentor"))
        for _, passes in rules.passing(mentees, changed, self._exchanges.tables(self._policy), apart):
            eligible &= passes
            if not eligible.any():
                return eligible, nothing
        each, least = scoring.factors(mentees, changed), self._policy.programme.minimum_score
        scores = scoring.weighted_scores(each, held.weights)
        return eligible & scoring.reach_minimum(scores, each, held.weights, minimum_percent=least), scores

    def _enters(self, row: int, eligible: Bools, scores: Ints, held: StoredListColumns) -> Bools:
        beats: Bools = scores > held.last
        level = np.flatnonzero(scores == held.last)
        beats[level] = self._ties(level, np.full(level.size, row)) < held.tie[level]
        return eligible & ((held.length < self._policy.programme.list_length) | beats)

    def _ties(self, mentees: Rows, mentors: Rows) -> Words:
        """Pair by pair."""
        return scoring.ties(self._mentees.seeds[mentees], self._mentors.seeds[mentors])

    def _flags(self, people: People, ids: Iterable[str]) -> Bools:
        flags = np.zeros(len(people), dtype=np.bool_)
        flags[people.rows_of(ids)] = True
        return flags

    def _widths(self) -> Widths:
        return common_widths(self._mentors, self._mentees)
