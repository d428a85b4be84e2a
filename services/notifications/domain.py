"""What a person is told, and when two tellings are one: an unread notification of the same occasion is updated.

Positions count everything ever told to one recipient; an update takes a new one, so it rises to the top.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    institution: str
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mentor:
    member: str
    institution: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChange:
    """What became of a mentee's list of mentors since they last read of it."""

    programme: str
    total: int
    entered: tuple[Mentor, ...] = ()
    """Best first."""
    left: tuple[str, ...] = ()
    unmatched: str | None = None
    """Why the list is empty: a code."""

    @property
    def template(self) -> str:
        if self.unmatched:
            return "suggestions-none"
        return "suggestions-changed" if self.total else "suggestions-ended"

    def then(self, later: "ListChange") -> "ListChange":
        """Both as one: who came and went in between is not worth a word."""
        came, went = {mentor.member for mentor in self.entered}, set(self.left)
        again = {mentor.member for mentor in later.entered}
        stayed = tuple(mentor for mentor in self.entered if mentor.member not in {*later.left, *again})
        return replace(
            later,
            entered=stayed + tuple(mentor for mentor in later.entered if mentor.member not in went),
            left=tuple(gone for gone in self.left if gone not in {*later.left, *again})
            + tuple(gone for gone in later.left if gone not in came),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something to be told, not yet told."""

    recipient: Recipient
    occasion: str
    change: ListChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    id: str
    recipient: Recipient
    occasion: str
    change: ListChange
    position: int
    told_at: datetime
    read_at: datetime | None = None

    @property
    def template(self) -> str:
        return self.change.template


def notices(change: ListChange, *, cause: str, recipients: Iterable[Recipient]) -> list[Notice]:
    """One for each recipient. Which process computed a list concerns nobody: a takeover counts as others' change."""
    own = "own_change" if cause == "own_change" else "others_change"
    occasion = f"suggestions:{change.programme}:{own}"
    return [Notice(recipient=recipient, occasion=occasion, change=change) for recipient in dict.fromkeys(recipients)]


def tell(notice: Notice, unread: Notification | None, *, position: int, now: datetime, id: str) -> Notification:
    """`unread` is the recipient's unread notification of this occasion; without one a new notification is made."""
    if unread is not None:
        return replace(unread, change=unread.change.then(notice.change), position=position, told_at=now)
    return Notification(
        id=id,
        recipient=notice.recipient,
        occasion=notice.occasion,
        change=notice.change,
        position=position,
        told_at=now,
    )
