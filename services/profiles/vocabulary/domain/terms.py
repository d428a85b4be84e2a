"""A term of the network's vocabulary: one meaning with its names in languages and at institutions. Names are compared
by their slugs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from shared.contracts.payload import Payload
from shared.contracts.profiles import NETWORK, TermChanged, TermKind
from shared.spreadsheets.cleaning import slug


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    id: str
    kind: TermKind
    labels: Mapping[str, str]
    """By language."""
    other_names: tuple[str, ...] = ()
    broader: tuple[str, ...] = ()
    """Ids of terms."""
    institution_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By institution, its own names for the term; institutions without one are left out."""
    successor: str | None = None
    """The term that is meant instead: this one is deprecated."""

    @property
    def institution(self) -> str:
        """Terms belong to no institution."""
        return NETWORK

    @property
    def slugs(self) -> tuple[str, ...]:
        """Of the names for everybody."""
        return slugs_of((self.id, *self.labels.values(), *self.other_names))

    @property
    def institution_slugs(self) -> dict[str, tuple[str, ...]]:
        return {institution: slugs_of(names) for institution, names in self.institution_names.items()}


def with_names(term: Term, institution: str, names: Iterable[str]) -> Term:
    """The term with these as the institution's own names; none takes them back."""
    own = tuple({slug(name): name for name in names}.values())
    others = {of: kept for of, kept in term.institution_names.items() if of != institution}
    return replace(term, institution_names=others | ({institution: own} if own else {}))


def slugs_of(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(slug(name) for name in names))


def facts(term: Term) -> tuple[Payload, ...]:
    return (
        TermChanged(
            term=term.id,
            institution=NETWORK,
            kind=term.kind,
            labels=dict(term.labels),
            other_names=term.other_names,
            broader=term.broader,
            institution_names=dict(term.institution_names),
            successor=term.successor,
            slugs=term.slugs,
            institution_slugs=term.institution_slugs,
        ),
    )
