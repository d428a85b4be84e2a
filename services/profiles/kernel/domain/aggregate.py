"""What every aggregate has: a version, and a sequence on each of its topics."""

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
    """By topic: the sequence under which the aggregate was last published there."""

    def at(self, expected: int) -> "Versioned[S]":
        """Returns itself if `expected` is its version. Raises `StaleVersion`."""
        if expected != self.version:
            raise StaleVersion(found=self.version, expected=expected)
        return self


def changed_facts(before: Sequence[Payload], after: Sequence[Payload]) -> tuple[Payload, ...]:
    """The facts that differ from those before: only these are published. Both sequences have the same order."""
    return tuple(new for old, new in zip(before, after, strict=True) if new != old)
