"""Invites all members of a programme who have not joined, in pages: by mail, or by links for the coordinator."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from services.profiles.invitations import domain
from services.profiles.invitations.domain import Invitation, To, Way
from services.profiles.members.domain.members import Member
from services.profiles.members.usecases import MemberFilter, MemberRepository
from services.profiles.programmes.usecases import ProgrammeUseCases
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import Conflict, NotFound
from shared.invitation_codes import code_of
from shared.principal import Principal
from shared.retries import retried_when_stale

PAGE = 500
"""How many members of the programme are looked at for one answer."""


class ManyInvitations(Protocol):
    async def latest(self, institution: str, members: Sequence[str]) -> Mapping[str, Invitation]:
        """By member: the invitation that is open or was used last."""

    async def invite_many(self, invitations: Sequence[Invitation], trace: Trace) -> None:
        """Replaces the members' open invitations. Those by mail are published. Raises `StaleVersion` if one of them was
        accepted meanwhile.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    member: Member
    invitation: Invitation
    code: str
    """Empty where it is sent by mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOfInvited:
    invited: Sequence[Invited]
    refused: int
    """Members who are also in programmes that the caller does not coordinate."""
    mailed_lately: int
    """Members who are not reminded now, because they got a mail within `domain.BETWEEN_MAILS`."""
    following: str | None
    """After which member to go on; None at the end."""


class ProgrammeInvitations:
    def __init__(
        self,
        invitations: ManyInvitations,
        members: MemberRepository,
        programmes: ProgrammeUseCases,
        *,
        clock: Clock,
        new_code: Callable[[], str],
        lasts: timedelta,
        key: str,
    ) -> None:
        """`key`: from which codes in mails are derived; empty where no mail is sent."""
        self._invitations = invitations
        self._members = members
        self._programmes = programmes
        self._clock = clock
        self._new_code = new_code
        self._lasts = lasts
        self._key = key

    @retried_when_stale
    async def invite(
        self, me: Principal, programme: str, *, way: Way, to: To, after: str | None, trace: Trace
    ) -> PageOfInvited:
        await self._require(me, programme)
        if way == "mail" and not self._key:
            raise Conflict("mail_not_set_up", "invitations are not sent by mail here: invite by link")
        wanted = MemberFilter(programme=programme, status="active")
        page = [found.state for found in await self._members.page(me.scope, wanted, after, PAGE)]
        absent = [member for member in page if member.subject_hash is None]
        own = [member for member in absent if me.scope.covers_all(member.programmes)]
        latest = await self._invitations.latest(me.home, [member.id for member in own])
        now = self._clock.now()
        addressed = [member for member in own if domain.is_addressed(latest.get(member.id), to, now)]
        lately = [m for m in addressed if way == "mail" and domain.was_mailed_lately(latest.get(m.id), now)]
        due = [member for member in addressed if member not in lately]
        invited = [self._invited(member, latest.get(member.id), programme, way) for member in due]
        await self._invitations.invite_many([each.invitation for each in invited], trace)
        following = page[-1].id if len(page) == PAGE else None
        return PageOfInvited(
            invited=invited, refused=len(absent) - len(own), mailed_lately=len(lately), following=following
        )

    async def states(
        self, me: Principal, programme: str, *, after: str | None, limit: int
    ) -> Sequence[tuple[Member, Invitation | None]]:
        """Every active member of the programme with their latest invitation, by id."""
        await self._require(me, programme)
        wanted = MemberFilter(programme=programme, status="active")
        page = [found.state for found in await self._members.page(me.scope, wanted, after, limit)]
        latest = await self._invitations.latest(me.home, [member.id for member in page])
        return [(member, latest.get(member.id)) for member in page]

    async def _require(self, me: Principal, programme: str) -> None:
        """Raises `NotFound` for a programme that the institution neither owns nor takes part in."""
        me.require("coordinator")
        if not me.coordinates(programme):
            raise NotFound("programme_not_found", "you coordinate no programme with this id")
        await self._programmes.see(me, programme)

    def _invited(self, member: Member, before: Invitation | None, programme: str, way: Way) -> Invited:
        now = self._clock.now()
        expires_at = now + self._lasts
        if way == "mail" and before is not None and before.id and before.is_open(now):
            return Invited(member=member, invitation=domain.remind(before, expires_at=expires_at, now=now), code="")
        id = self._clock.new_id() if way == "mail" else ""
        code = code_of(id, key=self._key) if id else self._new_code()
        invitation = Invitation(
            code_hash=hash_of(code),
            institution=member.institution,
            member=member.id,
            expires_at=expires_at,
            invited_at=now,
            id=id,
            programme=programme,
            mailed_at=now if id else (before.mailed_at if before else None),
        )
        return Invited(member=member, invitation=invitation, code="" if id else code)


def hash_of(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
