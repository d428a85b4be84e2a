"""Publishes the receipt of an erasure once only ids of the member are left. Idempotent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

_AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureCommand:
    erasure: str
    institution: str
    member: str
    event: str
    """The id of the event of the erasure."""
    correlation: str


class ErasureRepository(Protocol):
    async def waiting(self, *, limit: int) -> Sequence[ErasureCommand]: ...

    async def complete(self, forgetting: ErasureCommand) -> None:
        """Writes the receipt, unless something is left to be worked off first."""


class ErasureReceiptWorker:
    def __init__(self, erasures: ErasureRepository) -> None:
        self._erasures = erasures

    async def work(self) -> None:
        for forgetting in await self._erasures.waiting(limit=_AT_ONCE):
            await self._erasures.complete(forgetting)
