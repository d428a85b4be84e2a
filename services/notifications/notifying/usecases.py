"""Turns events into one notification for each recipient and occasion."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from services.notifications.deliveries.domain.deliveries import Addressee, Delivery, plan
from services.notifications.kernel.domain import (
    ErasureNotice,
    Hint,
    KnownContact,
    LeftOver,
    ListChange,
    PairUpdate,
    PendingNotification,
    Person,
    Recipient,
    Side,
    pending_notifications,
)
from services.notifications.preferences.domain.choices import Policy, Preferences
from shared.clock import Clock, derived_id
from shared.contracts.envelope import Trace
from shared.contracts.matching import (
    MEMBER_MOVED,
    AboutPlace,
    AboutRelationship,
    AboutRequest,
    RelationshipClosed,
    RelationshipOpened,
    RequestAccepted,
    SuggestionsChanged,
)
from shared.contracts.meetings import AboutAgreedMeetings, AboutMeetings, MeetingChanged, MeetingSkipped
from shared.contracts.mentorships import AboutMentorship, GoalChanged, HearerListed, SupportChanged
from shared.contracts.notifications import NotificationRecorded
from shared.contracts.payload import Recipient as Named
from shared.contracts.profiles import ErasureRequested, ErasureWithdrawn, MemberInvited
from shared.contracts.short_formats import AboutFlash, GroupNews, VisitReminded
from shared.errors import Rejected

AboutPair = AboutRequest | AboutRelationship | AboutMentorship | AboutFlash
Hinted = SupportChanged | HearerListed | VisitReminded | GroupNews
"""Events whose notification only says that there is something to see."""
AnyEvent = SuggestionsChanged | AboutPair | AboutPlace | ErasureRequested | ErasureWithdrawn | MemberInvited | Hinted
_MOMENTS = ("introduction_ends_at", "ends_at", "returns_at", "asked_at", "lapses_at", "moved_to", "starts_at")
"""Fields of events that announce a moment; of an event that has two, the first in this order counts."""
_EVENT, _MAIL = "told ", "mail "
"""Parts of derived ids: stored ids were derived with them, so they stay as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """A notification with the position that it takes in its recipient's inbox."""

    notice: PendingNotification
    position: int
    new_id: str
    """Its id, unless it updates an unread notification."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An event to publish about a notification."""

    id: str
    event: NotificationRecorded
    trace: Trace


class NotificationRepository(Protocol):
    """The repository within one transaction."""

    def next_positions(self, recipients: Sequence[Recipient]) -> Sequence[int]:
        """One for each, in this order; a recipient may occur more than once.

        Transactions that notify the same person are serialized by the counter, so positions commit in order.
        """

    def record(self, notices: Sequence[Numbered], *, now: datetime) -> Sequence[str]:
        """Updates the unread notification of each occasion, or creates it under the new id; returns the ids."""

    def contacts_of(self, members: Iterable[str]) -> Mapping[str, KnownContact]:
        """By member; members without a contact are missing."""

    def choices_of(
        self, recipients: Iterable[Recipient]
    ) -> tuple[Mapping[Recipient, Preferences], Mapping[str, Policy]]:
        """What these people, and their institutions, chose; missing where nothing was chosen."""

    def plan(self, deliveries: Sequence[Delivery]) -> None:
        """Updates the delivery of each occasion that is not being sent yet, or adds these."""

    def publish(self, recorded: Sequence[Recorded], *, now: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class _Caused:
    """A notification, and the event that causes it."""

    notice: PendingNotification
    trace: Trace
    cause: str

    def id(self, purpose: str = "") -> str:
        """Derived from the cause: after a restored backup the same event makes the same notification again."""
        recipient = self.notice.recipient
        return derived_id(self.cause, f"{purpose}{recipient.institution}:{recipient.member} {self.notice.occasion}")


class Notifier:
    def __init__(self, clock: Clock, *, has_mail_server: bool = False) -> None:
        self._clock = clock
        self._has_mail_server = has_mail_server

    def notify(self, events: Sequence[tuple[AnyEvent, Trace]], repository: NotificationRepository) -> None:
        """Notifies the recipients of these events, in their order; erased members get no notification."""
        contacts = _contacts_of([event for event, _ in events], repository)
        erased = {member for member, contact in contacts.items() if contact.is_erased}
        caused = [
            _Caused(notice, trace, trace.causation_id or self._clock.new_id())
            for event, trace in events
            for notice in _notices(event)
            if notice.recipient.member not in erased
        ]
        if caused:
            self._record(caused, contacts, repository)

    def _record(
        self, caused: Sequence[_Caused], contacts: Mapping[str, KnownContact], repository: NotificationRepository
    ) -> None:
        now = self._clock.now()
        positions = repository.next_positions([each.notice.recipient for each in caused])
        numbered = [
            Numbered(notice=each.notice, position=position, new_id=each.id())
            for each, position in zip(caused, positions, strict=True)
        ]
        recorded = [
            Recorded(id=each.id(_EVENT), event=_event(notice, id), trace=each.trace)
            for each, notice, id in zip(caused, numbered, repository.record(numbered, now=now), strict=True)
        ]
        addressees = _addressees_of([each.notice for each in caused], contacts, repository)
        repository.plan(
            [
                plan(
                    each.notice,
                    addressees[each.notice.recipient],
                    id=each.id(_MAIL),
                    notification=fact.event.notification,
                    position=fact.event.position,
                    has_mail_server=self._has_mail_server,
                    now=now,
                )
                for each, fact in zip(caused, recorded, strict=True)
            ]
        )
        repository.publish(recorded, now=now)


def _event(numbered: Numbered, id: str) -> NotificationRecorded:
    notice = numbered.notice
    return NotificationRecorded(
        notification=id,
        member=notice.recipient.member,
        institution=notice.recipient.institution,
        template=notice.change.template,
        occasion=notice.occasion,
        position=numbered.position,
    )


def _contacts_of(events: Iterable[AnyEvent], repository: NotificationRepository) -> Mapping[str, KnownContact]:
    """The contacts of the people whom the events name and of the recipients.

    Refuses an event that names another institution of a member: a member's institution never changes.
    """
    people = [person for event in events for person in (*_named(event), *map(_person, event.recipients))]
    contacts = repository.contacts_of({person.member for person in people})
    for person in people:
        contact = contacts.get(person.member)
        if contact is not None and contact.institution != person.institution:
            raise Rejected("another_institution", "names a member under an institution that is not theirs")
    return contacts


def _named(event: AnyEvent) -> list[Person]:
    match event:
        case SuggestionsChanged():
            return [Person(member=event.mentee, institution=event.institution), *_ranked(event)]
        case ErasureRequested() | ErasureWithdrawn() | MemberInvited():
            return [Person(member=event.member, institution=event.institution)]
        case SupportChanged() | HearerListed() | VisitReminded() | GroupNews():
            return []
        case AboutPlace():
            return [_person(event.mentee)]
        case _:
            return [_person(event.mentee), _person(event.mentor)]


def _notices(event: AnyEvent) -> list[PendingNotification]:
    recipients = dict.fromkeys(_recipients(event))
    match event:
        case SuggestionsChanged():
            return pending_notifications(_change(event), cause=event.cause, recipients=recipients)
        case ErasureRequested() | ErasureWithdrawn():
            return [_erasure_notice(event, to) for to in recipients]
        case MemberInvited():
            return [_invitation(event, to) for to in recipients]
        case SupportChanged() | HearerListed() | VisitReminded() | GroupNews():
            return [_hint(event, to) for to in recipients]
        case AboutPlace():
            return [_left_over(event, to) for to in recipients]
        case _:
            return [_pair_update(event, to) for to in recipients]


def _addressees_of(
    notices: Iterable[PendingNotification], contacts: Mapping[str, KnownContact], repository: NotificationRepository
) -> Mapping[Recipient, Addressee]:
    """Defaults stand in for a contact that is not known yet; they are replaced before the mail is sent."""
    recipients = {notice.recipient for notice in notices}
    preferences, policies = repository.choices_of(recipients)
    return {
        recipient: Addressee(
            zone=contacts[recipient.member].zone if recipient.member in contacts else ZoneInfo("UTC"),
            preferences=preferences.get(recipient, Preferences()),
            policy=policies.get(recipient.institution, Policy()),
        )
        for recipient in recipients
    }


def _person(named: Named) -> Person:
    return Person(member=named.member, institution=named.institution)


def _ranked(event: SuggestionsChanged) -> list[Person]:
    return [Person(member=entry.mentor, institution=entry.institution) for entry in event.ranked]


def _recipients(event: AnyEvent) -> list[Recipient]:
    return [Recipient(institution=to.institution, member=to.member) for to in event.recipients]


def _pair_update(event: AboutPair, recipient: Recipient) -> PendingNotification:
    """One occasion for each request, relationship, meeting series and flash slot, and for each other kind of matter of
    a mentorship: an unread update is replaced by the next.
    """
    aggregate, fact = event.TYPE.split(".")[3:5]
    side: Side = "mentee" if recipient.member == event.mentee.member else "mentor"
    other = event.mentor if side == "mentee" else event.mentee
    update = PairUpdate(
        template=f"{aggregate}-{fact}",
        programme=event.programme,
        side=side,
        other=Person(member=other.member, institution=other.institution),
        reason=_reason(event),
        is_accepted=isinstance(event, RequestAccepted | AboutRelationship | AboutMentorship | AboutFlash),
        at=_announced(event),
        times=event.times if isinstance(event, AboutAgreedMeetings) else None,
    )
    return PendingNotification(
        recipient=recipient, occasion=f"{aggregate}:{event.programme}:{_about(event)}", change=update
    )


def _announced(event: AboutPair) -> datetime | None:
    """The moment that the notification names: of a meeting that is left out, another one that would suit both."""
    if isinstance(event, MeetingSkipped):
        return event.instead_at
    return next((at for name in _MOMENTS if (at := getattr(event, name, None)) is not None), None)


def _about(event: AboutPair) -> str:
    if isinstance(event, AboutMentorship) and not isinstance(event, AboutMeetings):
        return event.mentorship
    return event.aggregate


def _reason(event: AboutPair) -> str | None:
    """The reason of the event, or a code of ours: for what a round or a coordinator did, and for a changed meeting."""
    if isinstance(event, RelationshipOpened) and event.round:
        return "matched_in_round"
    if isinstance(event, RelationshipOpened) and event.continues:
        return MEMBER_MOVED
    if isinstance(event, RelationshipOpened) and not (event.request or event.repair):
        return "matched_by_coordinator"
    if isinstance(event, RelationshipClosed) and len(event.recipients) > 1:
        return "by_coordinator"
    if isinstance(event, MeetingChanged):
        return "cancelled" if event.moved_to is None else "moved"
    return event.what if isinstance(event, GoalChanged) else getattr(event, "reason", None)


def _left_over(event: AboutPlace, recipient: Recipient) -> PendingNotification:
    """One occasion for each programme: an unread notification is replaced by the next round's."""
    fact = event.TYPE.split(".")[4].rpartition("_")[2]
    change = LeftOver(template=f"round-{fact}", programme=event.programme, reason=event.reason)
    return PendingNotification(recipient=recipient, occasion=f"round:{event.programme}", change=change)


def _erasure_notice(event: ErasureRequested | ErasureWithdrawn, recipient: Recipient) -> PendingNotification:
    """One occasion for each request: its withdrawal replaces an unread notification of it."""
    if isinstance(event, ErasureRequested):
        change = ErasureNotice(template="erasure-requested", due_at=event.due_at)
    else:
        change = ErasureNotice(template="erasure-withdrawn", due_at=None)
    return PendingNotification(recipient=recipient, occasion=f"erasure:{event.erasure}", change=change)


def _invitation(event: MemberInvited, recipient: Recipient) -> PendingNotification:
    """A reminder replaces the unread invitation. The code in the mail is derived from the end of the occasion."""
    template = "member-reminded" if event.is_reminder else "member-invited"
    change = Hint(template=template, programme=event.programme)
    return PendingNotification(recipient=recipient, occasion=f"invitation:{event.invitation}", change=change)


def _hint(event: Hinted, recipient: Recipient) -> PendingNotification:
    aggregate, fact = event.TYPE.split(".")[3:5]
    change = Hint(template=f"{aggregate}-{fact}")
    return PendingNotification(recipient=recipient, occasion=f"{aggregate}:{event.aggregate}", change=change)


def _change(event: SuggestionsChanged) -> ListChange:
    ranked = sorted(event.ranked, key=lambda entry: entry.rank)
    return ListChange(
        programme=event.programme,
        before=frozenset({entry.mentor for entry in ranked} - set(event.entered) | set(event.left)),
        now=tuple(Person(member=entry.mentor, institution=entry.institution) for entry in ranked),
        unmatched=event.unmatched,
    )
