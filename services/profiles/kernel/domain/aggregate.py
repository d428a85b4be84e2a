"""What every aggregate here has in common: a version, and on each of its topics a sequence of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from shared.contracts.payload import Payload
from shared.errors import StaleVersion

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Versioned(Generic[S]):
    state: S
    version: int
    sequences: Mapping[str, int] = field(default_factory=dict)
    """By topic: how often the aggregate has been published there."""

    def at(self, expected: int) -> "Versioned[S]":
        """Itself, if whoever wants to change it has read this version."""
        if expected != self.version:
            raise StaleVersion(found=self.version, expected=expected)
        return self


def changed_facts(before: Sequence[Payload], after: Sequence[Payload]) -> tuple[Payload, ...]:
    """Of an aggregate's facts, in the same order, those that now say something else: nobody hears of the others."""
    return tuple(new for old, new in zip(before, after, strict=True) if new != old)
