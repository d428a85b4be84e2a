"""Everything that matching holds about a person, for that person; inactive members too.

Lists, requests, relationships and places are exported as the person's own GET routes show them, and by the same code:
what one person may not see of another is decided once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Request
from services.matching.mentoring.usecases.parties import require_bound
from services.matching.mentoring.usecases.requests import RequestView
from services.matching.rounds.domain.assignments import Place
from services.matching.rounds.usecases.rounds import Rounds, Waiting
from services.matching.suggestions.reading import Reading, Suggestions
from shared.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    own: Mapping[str, Any]
    """Sections that hold nothing of other people but their ids."""
    requests: Sequence[Request]
    relationships: Sequence[Relationship]
    places: Sequence[Place]
    """Settled ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    own: Mapping[str, Any]
    lists: Sequence[Suggestions]
    requests: Sequence[RequestView]
    relationships: Sequence[Relationship]
    places: Sequence[Waiting]


class ExportRepository(Protocol):
    async def bound(self, institution: str, subject_hash: str) -> str | None: ...

    async def of(self, institution: str, member: str) -> Stored: ...


class Export:
    def __init__(self, store: ExportRepository, reading: Reading, rounds: Rounds) -> None:
        self._store = store
        self._reading = reading
        self._rounds = rounds

    async def mine(self, me: Principal) -> Exported:
        me.require("member")
        member = require_bound(await self._store.bound(me.home, me.subject_hash))
        stored = await self._store.of(me.home, member)
        return Exported(
            own=stored.own,
            lists=await self._reading.of_mentee(me.home, member),
            requests=[RequestView(request, request.pair.side_of(member)) for request in stored.requests],
            relationships=stored.relationships,
            places=await self._rounds.with_positions(stored.places),
        )
