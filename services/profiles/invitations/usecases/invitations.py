"""A one-time code binds a sign-in to a member. The code is shown once and kept as a hash."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from services.profiles.invitations.domain import Invitation
from services.profiles.invitations.usecases.programmes import hash_of
from services.profiles.kernel.domain.aggregate import Versioned, changed_facts
from services.profiles.members.domain import members as domain
from services.profiles.members.domain.members import Member
from services.profiles.members.usecases import (
    MemberRepository,
    MemberUseCases,
    coordinates,
    is_self,
    not_found,
    refuse_shared,
)
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.payload import Payload
from shared.errors import Conflict, Forbidden, NotFound
from shared.principal import Principal
from shared.retries import retried_when_stale


class InvitationRepository(Protocol):
    async def invite(self, invitation: Invitation) -> None:
        """Replaces the member's open invitation, if there is one."""

    async def invitation(self, institution: str, code_hash: str) -> Invitation | None: ...

    async def invitations_of(self, institution: str, member: str) -> Sequence[Invitation]: ...

    async def accept(
        self,
        invitation: Invitation,
        before: Versioned[Member],
        after: Member,
        payloads: Sequence[Payload],
        trace: Trace,
    ) -> Versioned[Member]:
        """Raises `Conflict` if the invitation has been used since, or the sign-in belongs to another member."""

    async def unbind(
        self, before: Versioned[Member], after: Member, payloads: Sequence[Payload], trace: Trace, *, by: str
    ) -> Versioned[Member]:
        """Recorded in the audit, `by` the subject hash of the coordinator."""

    async def has_unbound(self, institution: str, member: str, *, by: str) -> bool:
        """Whether this coordinator has taken a sign-in off the member."""


@dataclass(frozen=True, slots=True)
class InvitationCode:
    code: str
    expires_at: datetime


class InvitationUseCases:
    def __init__(
        self,
        invitations: InvitationRepository,
        members: MemberRepository,
        people: MemberUseCases,
        *,
        clock: Clock,
        new_code: Callable[[], str],
        lasts: timedelta,
    ) -> None:
        self._invitations = invitations
        self._members = members
        self._people = people
        self._clock = clock
        self._new_code = new_code
        self._lasts = lasts

    async def invite(self, me: Principal, member: str) -> InvitationCode:
        found = await self._coordinated(me, member)
        domain.bind(found.state, "")  # raises `Conflict` if the member could not accept
        code = InvitationCode(self._new_code(), self._clock.now() + self._lasts)
        earlier = await self._invitations.invitations_of(me.home, member)
        await self._invitations.invite(
            Invitation(
                code_hash=hash_of(code.code),
                institution=me.home,
                member=member,
                expires_at=code.expires_at,
                invited_at=self._clock.now(),
                mailed_at=max((each.mailed_at for each in earlier if each.mailed_at), default=None),
            )
        )
        return code

    @retried_when_stale
    async def remove_sign_in(self, me: Principal, member: str, trace: Trace) -> Versioned[Member]:
        """Without a sign-in nothing changes. What the person entered stays, so a coordinator who takes it off
        can never become the member themselves: they would read what is hidden from coordinators.
        """
        before = await self._coordinated(me, member)
        if is_self(me, before.state):
            raise Forbidden("own_sign_in", "another coordinator has to take off your own sign-in")
        after = domain.unbind(before.state)
        if after == before.state:
            return before
        payloads = changed_facts(domain.facts(before.state), domain.facts(after))
        return await self._invitations.unbind(before, after, payloads, trace, by=me.subject_hash)

    async def _coordinated(self, me: Principal, member: str) -> Versioned[Member]:
        me.require("coordinator")
        found = await self._people.see(me, member)
        if not coordinates(me, found.state):
            raise not_found()
        refuse_shared(me, found.state)
        return found

    async def accept(self, me: Principal, code: str, trace: Trace) -> Versioned[Member]:
        me.require("member")
        return await self._accept(me, code, trace)

    @retried_when_stale
    async def _accept(self, me: Principal, code: str, trace: Trace) -> Versioned[Member]:
        invitation = await self._invitations.invitation(me.home, hash_of(code))
        if invitation is None:
            raise NotFound(
                "invitation_not_found",
                "there is no such invitation: check the code, or ask your coordinator for another",
            )
        before = await self._members.find(me.home, invitation.member)
        if before is None:
            raise NotFound(
                "invitation_not_found",
                "there is no such invitation: check the code, or ask your coordinator for another",
            )
        if invitation.used_at is not None:
            if is_self(me, before.state):  # the client repeats the request, after a crash or by mistake
                return before
            raise Conflict("invitation_used", "the invitation has already been used: ask your coordinator for another")
        if invitation.expires_at <= self._clock.now():
            raise Conflict("invitation_expired", "the invitation has expired: ask your coordinator for another")
        if await self._invitations.has_unbound(me.home, invitation.member, by=me.subject_hash):
            raise Forbidden(
                "sign_in_removed_by_you", "you have taken the sign-in off this member, so yours cannot be theirs"
            )
        after = domain.bind(before.state, me.subject_hash)
        payloads = changed_facts(domain.facts(before.state), domain.facts(after))
        return await self._invitations.accept(invitation, before, after, payloads, trace)
