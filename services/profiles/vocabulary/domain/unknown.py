"""Topics and specialties that members write and the vocabulary does not know, with the nearest names that it knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

_NEAREST = 3
_LEAST_LIKENESS = 55
"""Of 100: below that, two names have little in common but letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    name: str
    """As written."""
    members: int
    """How many members write it."""
    nearest: tuple[str, ...] = ()
    """Ids of terms, the most similar first."""


def with_nearest(unknown: Sequence[Unknown], names: Mapping[str, str]) -> list[Unknown]:
    """`names`: term ids by slug. Compares every unknown name with every known one, so its caller limits both."""
    return [Unknown(name=each.name, members=each.members, nearest=_nearest(each.name, names)) for each in unknown]


def _nearest(name: str, names: Mapping[str, str]) -> tuple[str, ...]:
    similar = process.extract(name, names.keys(), scorer=fuzz.ratio, limit=3 * _NEAREST, score_cutoff=_LEAST_LIKENESS)
    return tuple(dict.fromkeys(names[known] for known, _, _ in similar))[:_NEAREST]
