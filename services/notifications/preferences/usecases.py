"""Reads and changes a person's preferences and an institution's policy; a version is 0 before the first change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from services.notifications.kernel.domain import Recipient
from services.notifications.preferences.domain.choices import (
    CATEGORIES,
    Category,
    Choice,
    Policy,
    Preferences,
    choose,
    without,
)
from services.notifications.projections.usecases import Readers
from shared.auth import Principal
from shared.errors import Forbidden, NotFound, VersionMismatch
from shared.retries import retried_when_stale

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Stored(Generic[S]):
    state: S
    version: int

    def at(self, expected: int) -> "Stored[S]":
        if self.version != expected:
            raise VersionMismatch(found=self.version, expected=expected)
        return self


@dataclass(frozen=True, slots=True)
class Chosen:
    stored: Stored[Preferences]
    in_effect: Mapping[Category, Choice]
    """What follows for each category, with the institution's policy."""


class PreferencesRepository(Protocol):
    async def preferences(self, recipient: Recipient) -> Stored[Preferences]: ...

    async def save_preferences(self, recipient: Recipient, preferences: Preferences, *, version: int) -> None:
        """Raises `StaleVersion` where `version` is not the stored one, and `NotFound` for an erased person."""

    async def policy(self, institution: str) -> Stored[Policy]: ...

    async def save_policy(self, institution: str, policy: Policy, *, version: int) -> None: ...


class PreferencesUseCases:
    def __init__(self, repository: PreferencesRepository, readers: Readers) -> None:
        self._repository = repository
        self._readers = readers

    async def mine(self, me: Principal) -> Chosen:
        reader = await self._readers.active(me)
        return await self._chosen(me, await self._repository.preferences(reader.recipient))

    async def change(self, me: Principal, preferences: Preferences, *, expected: int) -> Chosen:
        reader = await self._readers.active(me)
        before = (await self._repository.preferences(reader.recipient)).at(expected)
        await self._repository.save_preferences(reader.recipient, preferences, version=before.version)
        return await self._chosen(me, Stored(preferences, before.version + 1))

    async def _chosen(self, me: Principal, stored: Stored[Preferences]) -> Chosen:
        policy = (await self._repository.policy(me.home)).state
        return Chosen(stored, {category: choose(category, policy, stored.state) for category in CATEGORIES})

    @retried_when_stale
    async def unsubscribe(self, recipient: Recipient, category: Category) -> None:
        """Unsubscribing again changes nothing. Neither does the link of an erased person, who gets no mail."""
        before = await self._repository.preferences(recipient)
        after = without(before.state, category)
        if after == before.state:
            return
        try:
            await self._repository.save_preferences(recipient, after, version=before.version)
        except NotFound:  # the docstring says why that is right
            return

    async def policy(self, me: Principal) -> Stored[Policy]:
        _require_coordinator(me)
        return await self._repository.policy(me.home)

    async def change_policy(self, me: Principal, policy: Policy, *, expected: int) -> Stored[Policy]:
        _require_coordinator(me)
        before = (await self._repository.policy(me.home)).at(expected)
        await self._repository.save_policy(me.home, policy, version=before.version)
        return Stored(policy, before.version + 1)


def _require_coordinator(me: Principal) -> None:
    if not me.coordinates_institution:
        raise Forbidden("role_required", "only an institution_coordinator sees and changes the institution's policy")
