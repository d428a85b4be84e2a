"""Documents ↔ notifications."""

from services.notifications.kernel.domain import (
    Change,
    ErasureNotice,
    Hint,
    LeftOver,
    ListChange,
    Notification,
    PairUpdate,
    Person,
    Recipient,
)
from shared.contracts.meetings import MeetingTimes
from shared.mongo import Document


def of_recipient(recipient: Recipient) -> Document:
    return {"institution": recipient.institution, "member": recipient.member}


def counter_of(recipient: Recipient) -> str:
    return f"{recipient.institution}:{recipient.member}"


def to_notification(document: Document) -> Notification:
    return Notification(
        id=document["_id"],
        recipient=Recipient(institution=document["institution"], member=document["member"]),
        occasion=document["occasion"],
        change=_change(document),
        position=document["position"],
        notified_at=document["told_at"],
        read_at=document["read_at"],
    )


def updated_fields(change: Change) -> Document:
    """The fields that an update of an unread notification replaces."""
    if isinstance(change, ListChange):
        return {"now": [_person(mentor) for mentor in change.now], "unmatched": change.unmatched}
    if isinstance(change, LeftOver):
        return {"left_over": {"template": change.template, "reason": change.reason}}
    if isinstance(change, ErasureNotice):
        return {"erasure": {"template": change.template, "due_at": change.due_at}}
    if isinstance(change, Hint):
        return {"hint": {"template": change.template, "programme": change.programme}}
    return {
        "turn": {
            "template": change.template,
            "side": change.side,
            "other": _person(change.other),
            "reason": change.reason,
            "said_yes": change.is_accepted,
            "at": change.at,
            "times": change.times.model_dump() if change.times else None,
        }
    }


def initial_fields(change: Change) -> Document:
    return {"before": sorted(change.before)} if isinstance(change, ListChange) else {}


def _person(person: Person) -> Document:
    return {"member": person.member, "institution": person.institution}


def _change(document: Document) -> Change:
    if "erasure" in document:  # the first version stored requests only, without a template
        return ErasureNotice(**{"template": "erasure-requested", **document["erasure"]})
    if "hint" in document:
        return Hint(**document["hint"])
    if "left_over" in document:
        return LeftOver(programme=document["programme"], **document["left_over"])
    return _pair_update(document) if "turn" in document else _list_change(document)


def _list_change(document: Document) -> ListChange:
    return ListChange(
        programme=document["programme"],
        before=frozenset(document["before"]),
        now=tuple(Person(**mentor) for mentor in document["now"]),
        unmatched=document["unmatched"],
    )


def _pair_update(document: Document) -> PairUpdate:
    fields = document["turn"]
    return PairUpdate(
        template=fields["template"],
        programme=document["programme"],
        side=fields["side"],
        other=Person(**fields["other"]),
        reason=fields["reason"],
        is_accepted=fields["said_yes"],
        at=fields.get("at"),
        times=MeetingTimes.model_validate(fields["times"]) if fields.get("times") else None,
    )
