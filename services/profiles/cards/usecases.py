"""Cards of the members whom the viewer is suggested, has asked, is asked by or is matched with, and of no others."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from services.profiles.cards.domain.cards import Card, card
from services.profiles.cards.domain.relations import Relation
from services.profiles.members.domain.members import Member
from services.profiles.members.usecases import MemberUseCases, not_found
from shared.errors import Forbidden
from shared.principal import Principal

Party = tuple[str, str]
"""Institution and member."""


class RelationRepository(Protocol):
    async def of(self, viewer: Party, others: Sequence[str]) -> Mapping[Party, Relation]:
        """The closest relation with each of `others`; members without a relation are left out."""


class PartyRepository(Protocol):
    async def named(self, parties: Sequence[Party]) -> Sequence[Member]: ...


class Cards:
    def __init__(self, relations: RelationRepository, people: PartyRepository, members: MemberUseCases) -> None:
        self._relations = relations
        self._people = people
        self._members = members

    async def see(self, me: Principal, id: str) -> Card:
        found = await self.page(me, [id])
        if not found:
            raise not_found()
        return found[0]

    async def page(self, me: Principal, ids: Sequence[str]) -> Sequence[Card]:
        """In the order of `ids`; a member without a relation is left out, like an unknown id."""
        me.require("member")
        viewer = (await self._members.see_myself(me)).state
        if viewer.status != "active":
            raise Forbidden("member_inactive", "your profile is not active: ask your coordinator to reactivate it")
        wanted = list(dict.fromkeys(ids))
        relations = await self._relations.of((viewer.institution, viewer.id), wanted)
        found = {member.id: member for member in await self._people.named(list(relations))}
        cards = (
            card(found[id], relation=relation, viewed_by=viewer)
            for (_, id), relation in sorted(relations.items(), key=lambda item: wanted.index(item[0][1]))
            if id in found
        )
        return [shown for shown in cards if shown is not None]
