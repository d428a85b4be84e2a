"""Projection handlers: apply the events of profiles to matching's projected documents."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from shared.consuming.projecting import ProjectionHandler
from shared.consuming.projection import Refused
from shared.contracts.envelope import Received
from shared.contracts.payload import Payload
from shared.contracts.profiles import (
    InstitutionChanged,
    MemberChanged,
    MemberErased,
    PreferencesChanged,
    ProgrammeChanged,
    TermChanged,
)


class ProjectedDocuments(Protocol):
    async def fold_institutions(self, received: Sequence[Received]) -> Sequence[Refused]: ...

    async def fold_programmes(self, received: Sequence[Received]) -> Sequence[Refused]: ...

    async def fold_terms(self, received: Sequence[Received]) -> Sequence[Refused]: ...

    async def fold_members(self, received: Sequence[Received]) -> Sequence[Refused]: ...

    async def fold_preferences(self, received: Sequence[Received]) -> Sequence[Refused]: ...

    async def fold_erasures(self, received: Sequence[Received]) -> Sequence[Refused]: ...


def projection_handlers(copies: ProjectedDocuments) -> Mapping[type[Payload], ProjectionHandler]:
    """Handlers by event type. The shard's owner derives lists from the projected documents."""
    return {
        InstitutionChanged: copies.fold_institutions,
        ProgrammeChanged: copies.fold_programmes,
        TermChanged: copies.fold_terms,
        MemberChanged: copies.fold_members,
        PreferencesChanged: copies.fold_preferences,
        MemberErased: copies.fold_erasures,
    }
