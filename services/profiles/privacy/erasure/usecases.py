"""Erasures: requested by the member or by a coordinator of the institution, carried out by the worker when due."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from services.profiles.members.domain.members import Member
from services.profiles.members.usecases import MemberUseCases
from services.profiles.privacy.erasure import domain
from services.profiles.privacy.erasure.domain import Erasure
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.payload import Payload
from shared.errors import Forbidden, NotFound
from shared.principal import Principal
from shared.retries import retried_when_stale


class ErasureRepository(Protocol):
    async def waiting_of(self, institution: str, member: str) -> Erasure | None: ...

    async def find(self, institution: str, id: str) -> Erasure | None: ...

    async def find_any(self, id: str) -> Erasure | None:
        """For operators: of any institution."""

    async def of_member(self, institution: str, member: str) -> Sequence[Erasure]: ...

    async def page(self, institution: str, *, after: str | None, limit: int) -> Sequence[Erasure]: ...

    async def add(self, erasure: Erasure, payloads: Sequence[Payload], trace: Trace) -> None:
        """With its facts, in one transaction. Raises `StaleVersion` if another erasure of this member waits already."""

    async def save(self, erasure: Erasure, payloads: Sequence[Payload], trace: Trace) -> None:
        """Replaces the version before, with its facts, in one transaction. Raises `StaleVersion`."""

    async def due(self, now: datetime, *, limit: int) -> Sequence[Erasure]: ...

    async def carry_out(self, erasure: Erasure, trace: Trace) -> None:
        """Once, in one transaction: deletes the member and their invitations, leaves a marker, publishes tombstones."""

    async def without_own_receipt(self, *, limit: int) -> Sequence[Erasure]:
        """Erasures carried out while our own outbox may still hold records of the member."""

    async def clear_outbox(self, erasure: Erasure) -> bool:
        """Deletes sent records of the member; False while records still wait to be sent."""

    async def receive(self, erasure: Erasure, service: str) -> None: ...


class ErasureUseCases:
    def __init__(
        self, erasures: ErasureRepository, people: MemberUseCases, *, clock: Clock, waits: "ErasureDelays"
    ) -> None:
        self._erasures = erasures
        self._people = people
        self._clock = clock
        self._waits = waits

    async def ask_for_myself(self, me: Principal, *, id: str, trace: Trace) -> Erasure:
        member = (await self._people.see_myself(me)).state
        return await self._ask(member, id=id, by="member", wait=self._waits.own, trace=trace)

    async def ask_for(self, me: Principal, member: str, *, id: str, trace: Trace) -> Erasure:
        found = (await self._people.see(me, member)).state
        _require_coordinator(me)
        return await self._ask(found, id=id, by="coordinator", wait=self._waits.coordinators, trace=trace)

    @retried_when_stale
    async def _ask(self, member: Member, *, id: str, by: domain.RequestedBy, wait: timedelta, trace: Trace) -> Erasure:
        waiting = await self._erasures.waiting_of(member.institution, member.id)
        asked = domain.request(
            waiting,
            id=id,
            institution=member.institution,
            member=member.id,
            by=by,
            now=self._clock.now(),
            wait=wait,
        )
        if waiting is None:
            await self._erasures.add(asked, domain.request_facts(asked), trace)
        elif asked != waiting:
            await self._erasures.save(asked, (), trace)
        return asked

    async def see_mine(self, me: Principal) -> Erasure:
        member = (await self._people.see_myself(me)).state
        waiting = await self._erasures.waiting_of(member.institution, member.id)
        if waiting is None:
            raise NotFound(
                "erasure_not_found", "you have not asked for an erasure of your profile, or it has been withdrawn"
            )
        return waiting

    @retried_when_stale
    async def withdraw_mine(self, me: Principal, *, trace: Trace) -> Erasure:
        withdrawn = domain.withdraw(await self.see_mine(me), by="member", now=self._clock.now())
        await self._erasures.save(withdrawn, (), trace)
        return withdrawn

    async def see(self, me: Principal, id: str) -> Erasure:
        """For an `institution_coordinator` or an operator: an erasure holds ids only."""
        if "operator" in me.roles:
            found = await self._erasures.find_any(id)
        else:
            found = await self._erasures.find(me.home, id) if me.coordinates_institution else None
        if found is None:
            raise NotFound("erasure_not_found", "there is no erasure with this id")
        return found

    async def page(self, me: Principal, *, after: str | None, limit: int) -> Sequence[Erasure]:
        _require_coordinator(me)
        return await self._erasures.page(me.home, after=after, limit=limit)

    @retried_when_stale
    async def withdraw(self, me: Principal, id: str, *, trace: Trace) -> Erasure:
        found = await self.see(me, id)
        _require_coordinator(me)
        withdrawn = domain.withdraw(found, by="coordinator", now=self._clock.now())
        await self._erasures.save(withdrawn, domain.withdrawal_facts(withdrawn), trace)
        return withdrawn


class ErasureDelays:
    """How long a request waits before it is carried out."""

    def __init__(self, *, own: timedelta, coordinators: timedelta) -> None:
        self.own = own
        self.coordinators = coordinators


def _require_coordinator(me: Principal) -> None:
    if not me.coordinates_institution:
        raise Forbidden("role_required", "this needs the role institution_coordinator")
