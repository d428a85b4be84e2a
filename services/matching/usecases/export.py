"""Everything that matching holds about a person, for that person; inactive members too."""

from typing import Any, Protocol

from services.matching.usecases.parties import bound
from shared.auth import Principal


class Store(Protocol):
    async def bound(self, institution: str, subject_hash: str) -> str | None: ...

    async def of(self, institution: str, member: str) -> dict[str, Any]: ...


class Export:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def mine(self, me: Principal) -> dict[str, Any]:
        me.require("member")
        return await self._store.of(me.home, bound(await self._store.bound(me.home, me.subject_hash)))
