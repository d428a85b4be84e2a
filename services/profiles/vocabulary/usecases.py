"""Reads and changes the vocabulary. Operators create and change terms; a coordinator sets their institution's names."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

from services.profiles.kernel.domain.aggregate import Versioned
from services.profiles.vocabulary.domain import terms
from services.profiles.vocabulary.domain.terms import Term
from services.profiles.vocabulary.domain.unknown import Unknown, with_nearest
from services.profiles.vocabulary.domain.vocabulary import Vocabulary
from shared.contracts.envelope import Trace
from shared.contracts.profiles import TermKind
from shared.errors import Conflict, NotFound, VersionMismatch
from shared.offloop import off_loop
from shared.principal import Principal
from shared.retries import retried_when_stale

_MOST_COMPARED = 20
_MOST_WRITTEN = 20_000
"""Unknown names that are looked at: members may write millions."""


class Current(NamedTuple):
    """The whole vocabulary, and the revision on condition of which it may be changed."""

    terms: Mapping[str, Versioned[Term]]
    revision: int

    @property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary(found.state for found in self.terms.values())


class TermRepository(Protocol):
    async def current(self) -> Current: ...

    async def revision(self) -> int: ...

    async def find_term(self, id: str) -> Versioned[Term] | None: ...

    async def page(self, kind: TermKind | None, after: str | None, limit: int) -> Sequence[Versioned[Term]]: ...

    async def has_added(self, request: str) -> bool:
        """Whether this request has already added terms."""

    async def add_all(self, new: Sequence[Term], trace: Trace, *, revision: int) -> None:
        """All or none. Raises `StaleVersion` if the vocabulary has another revision."""

    async def save_at(self, before: Versioned[Term], after: Term, trace: Trace, *, revision: int) -> Versioned[Term]:
        """Raises `StaleVersion` if the vocabulary has another revision."""

    async def written(
        self, kind: TermKind, institution: str | None, known: Collection[str], *, limit: int
    ) -> Mapping[tuple[str, str], int]:
        """By institution and name: how many active members write a name that is not among `known`; for None at every
        institution. Those that most write.
        """


class VocabularyUseCases:
    def __init__(self, repository: TermRepository) -> None:
        self._repository = repository

    async def see(self, id: str) -> Versioned[Term]:
        found = await self._repository.find_term(id)
        if found is None:
            raise _unknown()
        return found

    async def page(self, kind: TermKind | None, *, after: str | None, limit: int) -> Sequence[Versioned[Term]]:
        return await self._repository.page(kind, after, limit)

    @retried_when_stale
    async def create(self, me: Principal, term: Term, *, request: str, trace: Trace) -> Versioned[Term]:
        me.require("operator")
        current = await self._repository.current()
        if term.id in current.terms:
            if await self._repository.has_added(request):
                return current.terms[term.id]
            raise Conflict("term_exists", f"a term with the id {term.id} exists already")
        await off_loop(_check, current, [term])
        await self._repository.add_all([term], trace, revision=current.revision)
        return await self.see(term.id)

    async def add_missing(self, me: Principal, edition: Sequence[Term], *, trace: Trace) -> int:
        """Creates those terms of an edition that do not exist, all or none. Returns their number. What exists stays as
        it is: people may have changed it since.
        """
        me.require("operator")
        return await self._add_missing(edition, trace)

    @retried_when_stale
    async def _add_missing(self, edition: Sequence[Term], trace: Trace) -> int:
        current = await self._repository.current()
        new = [term for term in edition if term.id not in current.terms]
        if new:
            await off_loop(_check, current, new)
            await self._repository.add_all(new, trace, revision=current.revision)
        return len(new)

    @retried_when_stale
    async def change(
        self, me: Principal, id: str, given: Mapping[str, Any], *, expected: int, trace: Trace
    ) -> Versioned[Term]:
        me.require("operator")
        current = await self._repository.current()
        before = _of(current, id)
        if before.version != expected:
            raise VersionMismatch(found=before.version, expected=expected)
        return await self._save(current, before, replace(before.state, **given), trace)

    @retried_when_stale
    async def set_names(self, me: Principal, id: str, names: Sequence[str], trace: Trace) -> Versioned[Term]:
        """The own names of the coordinator's institution for a term, instead of those that it had."""
        me.require("institution_coordinator")
        current = await self._repository.current()
        before = _of(current, id)
        return await self._save(current, before, terms.with_names(before.state, me.home, names), trace)

    @retried_when_stale
    async def add_name(self, me: Principal, id: str, name: str, trace: Trace) -> Versioned[Term]:
        """One more; what another coordinator adds at the same time stays."""
        me.require("institution_coordinator")
        current = await self._repository.current()
        before = _of(current, id)
        known = before.state.institution_names.get(me.home, ())
        return await self._save(current, before, terms.with_names(before.state, me.home, [*known, name]), trace)

    async def unknown(self, me: Principal, kind: TermKind, *, limit: int) -> Sequence[Unknown]:
        """The names that most members write: at the coordinator's institution; for an operator at all."""
        me.require("institution_coordinator", "operator")
        institution = me.home if me.coordinates_institution else None
        vocabulary = (await self._repository.current()).vocabulary
        names = await off_loop(vocabulary.names, kind, institution)
        written = await self._repository.written(kind, institution, names.keys(), limit=_MOST_WRITTEN)
        return await off_loop(_most_unknown, vocabulary, kind, written, names, limit=limit)

    async def _save(self, current: Current, before: Versioned[Term], after: Term, trace: Trace) -> Versioned[Term]:
        if after == before.state:
            return before
        await off_loop(_check, current, [after])
        return await self._repository.save_at(before, after, trace, revision=current.revision)


class UnknownWords:
    """Which words no term has, for imports. Keeps the vocabulary as long as it has the same revision."""

    def __init__(self, repository: TermRepository) -> None:
        self._repository = repository
        self._revision = -1
        self._known = Vocabulary(())

    async def nearest(self, kind: TermKind, words: Collection[str], institution: str) -> Mapping[str, Sequence[str]]:
        """By unknown word the ids of the most similar terms: of the first twenty words only, because each is compared
        with every name. Nothing while the vocabulary has no term of this kind.
        """
        vocabulary = await self._vocabulary()
        unknown = [word for word in sorted(words) if vocabulary.meaning(kind, word, institution) is None]
        if not unknown or all(term.kind != kind for term in vocabulary.terms.values()):
            return {}
        names = await off_loop(vocabulary.names, kind, institution)
        compared = [Unknown(name=word, members=1) for word in unknown[:_MOST_COMPARED]]
        found = await off_loop(with_nearest, compared, names)
        return {**dict.fromkeys(unknown, ()), **{each.name: each.nearest for each in found}}

    async def _vocabulary(self) -> Vocabulary:
        if await self._repository.revision() != self._revision:
            current = await self._repository.current()
            self._revision, self._known = current.revision, current.vocabulary
        return self._known


def _check(current: Current, new: Sequence[Term]) -> None:
    current.vocabulary.check(new)


def _most_unknown(
    vocabulary: Vocabulary,
    kind: TermKind,
    written: Mapping[tuple[str, str], int],
    names: Mapping[str, str],
    *,
    limit: int,
) -> Sequence[Unknown]:
    counts: dict[str, int] = {}
    for (home, name), members in written.items():
        if vocabulary.meaning(kind, name, home) is None:
            counts[name] = counts.get(name, 0) + members
    most = sorted(counts.items(), key=lambda counted: (-counted[1], counted[0]))[:limit]
    return with_nearest([Unknown(name=name, members=members) for name, members in most], names)


def _of(current: Current, id: str) -> Versioned[Term]:
    if id not in current.terms:
        raise _unknown()
    return current.terms[id]


def _unknown() -> NotFound:
    return NotFound("term_not_found", "the vocabulary has no term with this id")
