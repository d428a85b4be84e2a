"""What written topics and specialties mean: a term of the network's vocabulary; themselves where no term has the name.

Pure, and independent of the order in which terms arrived. While a name moves from one term to another, both may have it
for a moment: the first by id counts.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from shared.spreadsheets.cleaning import slug

TOPIC, SPECIALTY = "topic", "specialty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    id: str
    kind: str = TOPIC
    slugs: frozenset[str] = frozenset()
    """The names that mean the term for everybody, normalized."""
    institution_slugs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    broader: tuple[str, ...] = ()
    successor: str | None = None

    @property
    def words(self) -> frozenset[str]:
        """What a person may have written, or what it may have been resolved to, if this term bears on them."""
        linked = {self.id, *self.broader, *([self.successor] if self.successor else [])}
        return self.slugs.union(linked, *self.institution_slugs.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A member's written topics and specialty by their meanings."""

    offered: frozenset[str] = frozenset()
    wanted: frozenset[str] = frozenset()
    near: frozenset[str] = frozenset()
    """Broader and narrower topics of those offered, without these."""
    specialty: str | None = None
    known_as: Mapping[str, str] = field(default_factory=dict)
    """Term ids by written topic, where the two differ."""
    words: frozenset[str] = frozenset()
    """A term that bears on the member has one of these among its own words."""


class Vocabulary:
    def __init__(self, terms: Iterable[Term] = (), *, revision: int = 0) -> None:
        self.revision = revision
        self._terms = {term.id: term for term in terms}
        self._meanings: dict[tuple[str, str, str | None], str] = {}
        self._narrower: defaultdict[str, set[str]] = defaultdict(set)
        for id in sorted(self._terms):
            self._add(self._terms[id])

    def meaning(self, kind: str, written: str, institution: str) -> str:
        """The id of the term, or its successor's; what is written where no term has the name."""
        name = slug(written)
        id = self._meanings.get((kind, name, institution)) or self._meanings.get((kind, name, None))
        return written if id is None else self._canonical(id)

    def near(self, ids: Iterable[str]) -> frozenset[str]:
        """The terms directly above or below any of these, without these."""
        known = frozenset(ids)
        around = {near for id in known if id in self._terms for near in (*self._broader(id), *self._narrower[id])}
        return frozenset(around - known)

    def resolve(
        self, institution: str, *, offered: Iterable[str], wanted: Iterable[str], specialty: str | None
    ) -> Resolved:
        offered, wanted = tuple(offered), tuple(wanted)
        known_as = {topic: self.meaning(TOPIC, topic, institution) for topic in (*offered, *wanted)}
        field_ = None if specialty is None else self.meaning(SPECIALTY, specialty, institution)
        means_offered = frozenset(known_as[topic] for topic in offered)
        written = (*known_as, *([specialty] if specialty else []))
        return Resolved(
            offered=means_offered,
            wanted=frozenset(known_as[topic] for topic in wanted),
            near=self.near(means_offered),
            specialty=field_,
            known_as={topic: id for topic, id in known_as.items() if id != topic},
            words=frozenset({*map(slug, written), *known_as.values(), *([field_] if field_ else [])}),
        )

    def touched_by(self, words: Iterable[str]) -> frozenset[str]:
        """The words of changed terms, and the terms above and below those that are meant now: what is near them."""
        known = frozenset(words)
        meant = {id for id in self._terms if id in known or self._canonical(id) in known}
        return known.union(meant, *(self._terms[id].broader for id in meant), *(self._narrower[id] for id in meant))

    def _add(self, term: Term) -> None:
        for name in term.slugs:
            self._meanings.setdefault((term.kind, name, None), term.id)
        for institution, names in term.institution_slugs.items():
            for name in names:
                self._meanings.setdefault((term.kind, name, institution), term.id)
        if term.successor is None:
            for broader in self._broader(term.id):
                self._narrower[broader].add(term.id)

    def _broader(self, id: str) -> set[str]:
        return {self._canonical(broader) for broader in self._terms[id].broader} - {id}

    def _canonical(self, id: str) -> str:
        """Follows successors. In a cycle, which only a moment between two changes can have, the id stays."""
        seen, current = set[str](), id
        while current in self._terms and (successor := self._terms[current].successor) is not None:
            if current in seen:
                return id
            seen.add(current)
            current = successor
        return current
