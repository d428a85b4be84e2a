"""All terms at one moment, and what stays true of them: within a kind no name means two terms to anybody, where an
institution's own names go first; broader terms form no cycle, and successors lead to a term that is not deprecated.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import cached_property

from services.profiles.vocabulary.domain.terms import Term
from shared.contracts.profiles import TermKind
from shared.errors import FieldError, Rejected
from shared.spreadsheets.cleaning import slug

MOST_LEVELS = 5
"""Of broader terms above each other, the term itself included."""
MOST_TERMS = 5_000
MOST_NAMES = 50
"""Of one institution for one term, and of other names."""
MOST_OWN_NAMES = 5_000
"""Of one institution."""


class Vocabulary:
    def __init__(self, terms: Iterable[Term]) -> None:
        self.terms: dict[str, Term] = {term.id: term for term in terms}

    @cached_property
    def _common(self) -> Mapping[tuple[str, str], set[str]]:
        """Term ids by kind and slug of their names for everybody."""
        found: dict[tuple[str, str], set[str]] = defaultdict(set)
        for term in self.terms.values():
            for name in term.slugs:
                found[term.kind, name].add(term.id)
        return found

    @cached_property
    def _own(self) -> Mapping[tuple[str, str], Mapping[str, set[str]]]:
        """Term ids by kind and slug of institutions' own names, and by institution."""
        found: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for term in self.terms.values():
            for institution, names in term.institution_slugs.items():
                for name in names:
                    found[term.kind, name][institution].add(term.id)
        return found

    def meaning(self, kind: TermKind, name: str, institution: str | None) -> Term | None:
        """What the name means at the institution; for None, among the names for everybody."""
        return next((self.terms[id] for id in sorted(self._meant(kind, name, institution))), None)

    def names(self, kind: TermKind, institution: str | None) -> dict[str, str]:
        """Term ids by slug: of the names for everybody, and the institution's own."""
        own = [name for (of, name), ids in self._own.items() if of == kind and institution in ids]
        known = [*own, *(name for of, name in self._common if of == kind)]
        return {name: min(self._meant(kind, name, institution)) for name in known}

    def check(self, changed: Iterable[Term]) -> None:
        """Raises `Rejected` where these new states of terms would make the vocabulary wrong. Takes seconds where there
        are many names.
        """
        new = {term.id: term for term in changed}
        after = Vocabulary((self.terms | new).values())
        errors = [
            error
            for term in new.values()
            for error in (*after.wrong_names(term, self.terms.get(term.id)), *after.wrong_links(term))
        ]
        errors += after.wrong_numbers({institution for term in new.values() for institution in term.institution_names})
        if len(after.terms) > MOST_TERMS:
            errors.append(FieldError("terms", f"must be at most {MOST_TERMS} in all"))
        if errors:
            raise Rejected("term_invalid", "the vocabulary was not changed: see errors", tuple(errors))

    def wrong_names(self, term: Term, before: Term | None) -> Iterator[FieldError]:
        """An institution's new own name must not be a name for everybody of another term. One that it has already may
        become one: no institution's names stand in the way of the network's.
        """
        kept = before.institution_slugs if before else {}
        if any(len(names) > MOST_NAMES for names in term.institution_names.values()):
            yield FieldError("names", f"must be at most {MOST_NAMES} of one institution for a term")
        for field, name, institution in _named(term):
            key = slug(name)
            if not key:
                yield FieldError(field, "must have a letter or a digit")
            others = set[str]()
            if institution is not None:
                others |= self._own.get((term.kind, key), {}).get(institution, set())
            if institution is None or key not in kept.get(institution, ()):
                others |= self._common.get((term.kind, key), set())
            for other in sorted(others - {term.id}):
                yield FieldError(field, f"means the term {other} already: take it from that term first")

    def wrong_numbers(self, institutions: AbstractSet[str]) -> Iterator[FieldError]:
        named = (term.institution_names for term in self.terms.values())
        own: Counter[str] = Counter()
        for names in named:
            own.update({institution: len(names[institution]) for institution in institutions & names.keys()})
        if max(own.values(), default=0) > MOST_OWN_NAMES:
            yield FieldError("names", f"must be at most {MOST_OWN_NAMES} of one institution in all")

    def wrong_links(self, term: Term) -> Iterator[FieldError]:
        for at, id in enumerate(term.broader):
            if id == term.id or not self._is_like(term, id):
                yield FieldError(f"broader.{at}", f"must be another {term.kind} of the vocabulary: {id} is not")
        if term.broader and self._has_cycle_or_more_levels:
            yield FieldError("broader", f"must form no cycle, and at most {MOST_LEVELS} levels")
        if term.successor is not None and not self._is_like(term, term.successor):
            yield FieldError("successor", f"must be a {term.kind} of the vocabulary: {term.successor} is not")
        elif self._succeeds_itself(term):
            yield FieldError("successor", "must not lead back to the term itself")

    def _meant(self, kind: TermKind, name: str, institution: str | None) -> AbstractSet[str]:
        """An institution's own name goes before a name for everybody."""
        nothing = frozenset[str]()
        own = self._own.get((kind, slug(name)), {}).get(institution or "", nothing)
        return own or self._common.get((kind, slug(name)), nothing)

    @cached_property
    def _has_cycle_or_more_levels(self) -> bool:
        levels = dict.fromkeys(self.terms, 1)
        for _ in range(MOST_LEVELS):
            levels = {
                id: 1 + max((levels.get(broader, 0) for broader in term.broader), default=0)
                for id, term in self.terms.items()
            }
        return max(levels.values(), default=0) > MOST_LEVELS

    def _is_like(self, term: Term, id: str) -> bool:
        return id in self.terms and self.terms[id].kind == term.kind

    def _succeeds_itself(self, term: Term) -> bool:
        id, seen = term.successor, set[str]()
        while id is not None and id in self.terms and id not in seen:
            seen.add(id)
            id = self.terms[id].successor
        return term.id in seen


def _named(term: Term) -> Iterator[tuple[str, str, str | None]]:
    """Field, name, and the institution of an own name."""
    yield "id", term.id, None
    yield from ((f"labels.{language}", name, None) for language, name in term.labels.items())
    yield from ((f"other_names.{at}", name, None) for at, name in enumerate(term.other_names))
    for institution, names in term.institution_names.items():
        yield from ((f"names.{at}", name, institution) for at, name in enumerate(names))
