"""What the use cases need kept. Every method takes the institution, so that no query can be made without it."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from services.profiles.kernel.domain.aggregate import Versioned
from shared.contracts.envelope import Trace
from shared.contracts.payload import Payload

S = TypeVar("S")


class AggregateRepository(Protocol[S]):
    async def find(self, institution: str, id: str) -> Versioned[S] | None: ...

    async def has_added(self, request: str) -> bool:
        """Whether this request has added something already: it is sent again after a crash."""

    async def add(self, state: S, told: Sequence[Payload], trace: Trace, *, request: str) -> Versioned[S]:
        """Where this request has added it already: what it returned then. Raises `Conflict` for a taken id."""

    async def save(self, before: Versioned[S], after: S, told: Sequence[Payload], trace: Trace) -> Versioned[S]:
        """Raises `StaleVersion` when somebody was faster."""
