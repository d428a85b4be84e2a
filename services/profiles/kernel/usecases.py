"""The protocol of every aggregate's repository. Methods take the institution, so that no query can leave it out."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from services.profiles.kernel.domain.aggregate import Versioned
from shared.contracts.envelope import Trace
from shared.contracts.payload import Payload

S = TypeVar("S")


class AggregateRepository(Protocol[S]):
    async def find(self, institution: str, id: str) -> Versioned[S] | None: ...

    async def has_added(self, request: str) -> bool:
        """Whether this request has already added an aggregate: clients repeat requests after a crash."""

    async def add(self, state: S, payloads: Sequence[Payload], trace: Trace, *, request: str) -> Versioned[S]:
        """If this request has already added it, returns what it returned then. Raises `Conflict` for a taken id."""

    async def save(self, before: Versioned[S], after: S, payloads: Sequence[Payload], trace: Trace) -> Versioned[S]:
        """Raises `StaleVersion` if another change was saved first."""
