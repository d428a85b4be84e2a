"""The part of an institution to which a token gives access: all of it, or named programmes; by default nothing."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Covers every programme if `is_whole`, and otherwise those in `programmes` only: none if it is empty."""

    institution: str
    is_whole: bool = False
    programmes: frozenset[str] = frozenset()

    def covers(self, programme: str) -> bool:
        return self.is_whole or programme in self.programmes

    def covers_all(self, programmes: Iterable[str]) -> bool:
        return all(map(self.covers, programmes))

    def covers_any(self, programmes: Iterable[str]) -> bool:
        """True for the whole institution even without programmes: its members need not be enrolled in any."""
        return self.is_whole or any(map(self.covers, programmes))
