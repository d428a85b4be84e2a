"""An invitation: a one-time code, kept as a hash, for one member. Sent by mail it has an id, from which the code is
derived; a reminder is the same invitation, so that the link of the first mail still works.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from shared.contracts.payload import Recipient
from shared.contracts.profiles import MemberInvited

Way = Literal["mail", "link"]
To = Literal["not_invited", "waiting"]
"""Members without an open invitation, or those with one that they have not accepted."""
BETWEEN_MAILS = timedelta(hours=24)
"""So that no coordinator, and no loop of an integrator, fills a person's mailbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    code_hash: str
    institution: str
    member: str
    expires_at: datetime
    used_at: datetime | None = None
    invited_at: datetime | None = None
    """None for invitations of earlier versions."""
    id: str = ""
    """Of one that is sent by mail."""
    programme: str = ""
    """For which it was sent by mail."""
    reminders: int = 0
    mailed_at: datetime | None = None
    """The last mail: the invitation or a reminder. None for links, and for invitations of earlier versions."""

    @property
    def way(self) -> Way:
        return "mail" if self.id else "link"

    def is_open(self, now: datetime) -> bool:
        return self.used_at is None and self.expires_at > now


def is_addressed(before: Invitation | None, to: To, now: datetime) -> bool:
    """Whether a member with this latest invitation is among those to invite now."""
    has_open = before is not None and before.is_open(now)
    return has_open if to == "waiting" else not has_open


def was_mailed_lately(before: Invitation | None, now: datetime) -> bool:
    return before is not None and before.mailed_at is not None and now - before.mailed_at < BETWEEN_MAILS


def remind(before: Invitation, *, expires_at: datetime, now: datetime) -> Invitation:
    return replace(before, expires_at=expires_at, reminders=before.reminders + 1, mailed_at=now)


def mailed(invitation: Invitation) -> tuple[MemberInvited, int]:
    """The event, and its sequence."""
    person = Recipient(member=invitation.member, institution=invitation.institution)
    event = MemberInvited(
        invitation=invitation.id,
        member=invitation.member,
        institution=invitation.institution,
        programme=invitation.programme,
        is_reminder=invitation.reminders > 0,
        expires_at=invitation.expires_at,
        recipients=(person,),
    )
    return event, invitation.reminders + 1
