"""What this service holds about a person, for that person; inactive members too."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from shared.errors import NotFound
from shared.principal import Principal

Exported = Mapping[str, Sequence[Mapping[str, Any]]]
"""Documents by section. Of the other person they hold the id only, never a text."""


class ExportRepository(Protocol):
    async def bound(self, institution: str, subject_hash: str) -> str | None:
        """The member bound to this sign-in, active or not."""

    async def of(self, institution: str, member: str) -> Exported: ...


class Exports:
    def __init__(self, repository: ExportRepository) -> None:
        self._repository = repository

    async def mine(self, me: Principal) -> Exported:
        me.require("member")
        member = await self._repository.bound(me.home, me.subject_hash)
        if member is None:
            raise NotFound("member_not_found", "your sign-in is not linked to a member: accept your invitation first")
        return await self._repository.of(me.home, member)
