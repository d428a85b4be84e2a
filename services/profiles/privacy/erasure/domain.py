"""An erasure is requested, waits, and is carried out in every service. Pure decisions; the request holds ids only.

A member can withdraw their own request while it waits. They see a coordinator's request and can object to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from shared.contracts.payload import Payload, Recipient
from shared.contracts.profiles import ErasureRequested, ErasureWithdrawn, MemberErased
from shared.errors import Conflict

RequestedBy = Literal["member", "coordinator"]
ErasureState = Literal["waiting", "withdrawn", "objected", "carried_out", "completed"]
SERVICES = ("profiles", "matching", "mentorships", "notifications")
"""Each gives a receipt when it has forgotten the member."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    id: str
    institution: str
    member: str
    requested_by: RequestedBy
    requested_at: datetime
    due_at: datetime
    """When it is carried out, unless it is withdrawn or objected to before."""
    state: ErasureState = "waiting"
    version: int = 1
    ended_at: datetime | None = None
    """When it was withdrawn, objected to or carried out."""
    receipts: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def outstanding(self) -> tuple[str, ...]:
        """Services that have not given their receipt."""
        if self.state not in ("carried_out", "completed"):
            return ()
        return tuple(service for service in SERVICES if service not in self.receipts)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedMember:
    """The marker of an erased member: ids and sequences only, so that no old record restores the person."""

    id: str
    institution: str
    erasure: str
    members_sequence: int
    preferences_sequence: int
    contacts_sequence: int
    mentoring_sequence: int = 0
    """0 in markers stored before the topic existed."""


def request(
    waiting: Erasure | None, *, id: str, institution: str, member: str, by: RequestedBy, now: datetime, wait: timedelta
) -> Erasure:
    """A second request changes nothing, except that a member's own replaces a coordinator's, and is never due later."""
    if waiting is None:
        return Erasure(
            id=id, institution=institution, member=member, requested_by=by, requested_at=now, due_at=now + wait
        )
    if by == "coordinator" or waiting.requested_by == "member":
        return waiting
    return replace(
        waiting,
        requested_by="member",
        requested_at=now,
        due_at=min(waiting.due_at, now + wait),
        version=waiting.version + 1,
    )


def request_facts(erasure: Erasure) -> tuple[Payload, ...]:
    """Notifies the member of a coordinator's request; of their own request they know."""
    if erasure.requested_by == "member":
        return ()
    return (
        ErasureRequested(
            erasure=erasure.id,
            member=erasure.member,
            institution=erasure.institution,
            due_at=erasure.due_at,
            recipients=_the_member(erasure),
        ),
    )


def withdrawal_facts(erasure: Erasure) -> tuple[Payload, ...]:
    """Notifies the member of a withdrawal by the coordinator."""
    return (
        ErasureWithdrawn(
            erasure=erasure.id,
            member=erasure.member,
            institution=erasure.institution,
            recipients=_the_member(erasure),
        ),
    )


def _the_member(erasure: Erasure) -> tuple[Recipient, ...]:
    return (Recipient(member=erasure.member, institution=erasure.institution),)


def withdraw(erasure: Erasure, *, by: RequestedBy, now: datetime) -> Erasure:
    """If the member withdraws a coordinator's request, it becomes an objection. Raises `Conflict`."""
    if erasure.state != "waiting":
        raise Conflict("erasure_not_waiting", f"the erasure is {erasure.state.replace('_', ' ')}")
    if by == "coordinator" and erasure.requested_by == "member":
        raise Conflict("erasure_of_the_member", "the member asked for this erasure, so only they can withdraw it")
    state: ErasureState = "withdrawn" if by == erasure.requested_by else "objected"
    return replace(erasure, state=state, ended_at=now, version=erasure.version + 1)


def receive(erasure: Erasure, *, service: str, now: datetime) -> Erasure:
    """A repeated receipt keeps the time of the first."""
    if service in erasure.receipts:
        return erasure
    received = replace(erasure, receipts={**erasure.receipts, service: now}, version=erasure.version + 1)
    return received if received.outstanding else replace(received, state="completed")


def facts(erased: ErasedMember) -> tuple[Payload, ...]:
    return (
        MemberErased(
            member=erased.id,
            institution=erased.institution,
            erasure=erased.erasure,
            members_sequence=erased.members_sequence,
            preferences_sequence=erased.preferences_sequence,
            contacts_sequence=erased.contacts_sequence,
            mentoring_sequence=erased.mentoring_sequence,
        ),
    )
