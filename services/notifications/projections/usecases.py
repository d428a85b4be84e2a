"""Finds the member who signed in."""

from typing import Protocol

from services.notifications.projections.domain import Reader
from shared.auth import Principal
from shared.errors import Forbidden


class ReaderRepository(Protocol):
    async def reader(self, institution: str, *, subject_hash: str) -> Reader | None: ...


class Readers:
    def __init__(self, repository: ReaderRepository) -> None:
        self._repository = repository

    async def active(self, me: Principal) -> Reader:
        reader = await self.any(me)
        if not reader.is_active:
            raise Forbidden(
                "member_inactive",
                "your profile is not active, so you have no inbox: ask your coordinator to reactivate it",
            )
        return reader

    async def any(self, me: Principal) -> Reader:
        """Also an inactive member, who may export their data."""
        me.require("member")
        reader = await self.find(me)
        if reader is None:
            raise Forbidden(
                "not_invited",
                "your sign-in is not linked to a member of this institution: accept your invitation first "
                "(an invitation that you have just accepted takes a moment to arrive)",
            )
        return reader

    async def find(self, me: Principal) -> Reader | None:
        return await self._repository.reader(me.home, subject_hash=me.subject_hash)
