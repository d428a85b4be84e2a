"""Guides: read by every member in their language, ticked for oneself, replaced by an institution."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypedDict

from services.mentorships.guides import domain
from services.mentorships.guides.domain import Guide, Locale, Ticks
from services.mentorships.kernel.access import SignIns, require_member, unknown
from shared.auth import Principal
from shared.errors import VersionMismatch

Shipped = Mapping[tuple[str, Locale], Guide]


class Texts(TypedDict):
    """The texts of a guide that an institution replaces."""

    title: str
    intro: str
    steps: tuple[str, ...]
    sources: tuple[str, ...]


class GuideRepository(SignIns, Protocol):
    async def locale(self, member: str) -> str: ...

    async def own_guides(self, institution: str, locale: Locale) -> Mapping[str, Guide]:
        """The institution's own, by id."""

    async def replace_guide(self, institution: str, guide: Guide) -> None:
        """Raises `StaleVersion` unless the stored version is the one before."""

    async def ticks(self, institution: str, member: str) -> Mapping[str, Ticks]:
        """By guide."""

    async def change_ticks(
        self, institution: str, member: str, guide: str, change: Callable[[Ticks], Ticks]
    ) -> Ticks: ...


class Guides:
    def __init__(self, repository: GuideRepository, shipped: Shipped) -> None:
        self._repository = repository
        self._shipped = shipped

    async def all(self, me: Principal) -> Sequence[tuple[Guide, Ticks]]:
        """In the caller's language, with what they have ticked."""
        member = await require_member(self._repository, me)
        locale = domain.nearest_locale(await self._repository.locale(member))
        own = await self._repository.own_guides(me.home, locale)
        ticks = await self._repository.ticks(me.home, member)
        return [
            (own.get(id, guide), ticks.get(id, Ticks(member=member, guide=id)))
            for (id, of), guide in self._shipped.items()
            if of == locale
        ]

    async def tick(self, me: Principal, id: str, step: int, *, is_done: bool) -> tuple[Guide, Ticks]:
        guide = next((guide for guide, _ in await self.all(me) if guide.id == id), None)
        if guide is None or not 1 <= step <= len(guide.steps):
            raise unknown("guide_step")
        member = await require_member(self._repository, me)
        changed = await self._repository.change_ticks(
            me.home, member, id, lambda ticks: domain.tick(ticks, step, is_done=is_done)
        )
        return guide, changed

    async def see_for_institution(self, me: Principal, id: str, locale: Locale) -> Guide:
        me.require("coordinator")
        if (id, locale) not in self._shipped:
            raise unknown("guide")
        own = await self._repository.own_guides(me.home, locale)
        return own.get(id, self._shipped[id, locale])

    async def replace(self, me: Principal, id: str, locale: Locale, *, expected: int, texts: Texts) -> Guide:
        """By a coordinator of the whole institution: a guide is no programme's."""
        me.require("institution_coordinator")
        before = await self.see_for_institution(me, id, locale)
        if before.version != expected:
            raise VersionMismatch(found=before.version, expected=expected)
        after = replace(before, version=expected + 1, **texts)
        await self._repository.replace_guide(me.home, after)
        return after
