"""Turns an event into one notification for each recipient and occasion."""

from collections.abc import Iterable, Mapping, Sequence
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
    AboutPlace,
    AboutRelationship,
    AboutRequest,
    RelationshipOpened,
    RequestAccepted,
    SuggestionsChanged,
)
from shared.contracts.mentorships import (
    AboutMeetings,
    AboutMentorship,
    GoalChanged,
    HearerListed,
    MeetingChanged,
    SupportChanged,
)
from shared.contracts.notifications import NotificationRecorded
from shared.contracts.payload import Recipient as Named
from shared.contracts.profiles import ErasureRequested, ErasureWithdrawn
from shared.errors import Rejected

AboutPair = AboutRequest | AboutRelationship | AboutMentorship
Confidential = SupportChanged | HearerListed
AnyEvent = SuggestionsChanged | AboutPair | AboutPlace | ErasureRequested | ErasureWithdrawn | Confidential
_MOMENTS = ("introduction_ends_at", "ends_at", "returns_at", "asked_at", "lapses_at", "moved_to", "starts_at")
"""Fields of events that announce a moment; of an event that has two, the first in this order counts."""


class NotificationRepository(Protocol):
    """The repository within one transaction."""

    def next_position(self, recipient: Recipient) -> int:
        """Transactions that notify the same person are serialized by the counter, so positions commit in order."""

    def record(self, notice: PendingNotification, *, position: int, now: datetime, new_id: str) -> str:
        """Updates the unread notification of the occasion, or creates it under the new id; returns its id."""

    def contacts_of(self, members: Iterable[str]) -> Mapping[str, KnownContact]:
        """By member; members without a contact are missing."""

    def choices_of(
        self, recipients: Iterable[Recipient]
    ) -> tuple[Mapping[Recipient, Preferences], Mapping[str, Policy]]:
        """What these people, and their institutions, chose; missing where nothing was chosen."""

    def plan(self, delivery: Delivery) -> None:
        """Updates the delivery of the occasion that is not being sent yet, or adds this one."""

    def publish(self, notifications: Mapping[str, NotificationRecorded], *, now: datetime, trace: Trace) -> None:
        """Publishes `notifications` by event id."""


class Notifier:
    def __init__(self, clock: Clock, *, has_mail_server: bool = False) -> None:
        self._clock = clock
        self._has_mail_server = has_mail_server

    def suggestions_changed(self, event: SuggestionsChanged, trace: Trace, repository: NotificationRepository) -> None:
        mentee = Person(member=event.mentee, institution=event.institution)
        contacts = _contacts_of([mentee, *_ranked(event)], event, repository)
        notices = pending_notifications(_change(event), cause=event.cause, recipients=_recipients(event))
        self._notify(notices, contacts, trace, repository)

    def pair_changed(self, event: AboutPair, trace: Trace, repository: NotificationRepository) -> None:
        contacts = _contacts_of([_person(event.mentee), _person(event.mentor)], event, repository)
        notices = [_pair_update(event, to) for to in dict.fromkeys(_recipients(event))]
        self._notify(notices, contacts, trace, repository)

    def left_over(self, event: AboutPlace, trace: Trace, repository: NotificationRepository) -> None:
        contacts = _contacts_of([_person(event.mentee)], event, repository)
        notices = [_left_over(event, to) for to in dict.fromkeys(_recipients(event))]
        self._notify(notices, contacts, trace, repository)

    def hint(self, event: Confidential, trace: Trace, repository: NotificationRepository) -> None:
        contacts = _contacts_of([], event, repository)
        notices = [_hint(event, to) for to in dict.fromkeys(_recipients(event))]
        self._notify(notices, contacts, trace, repository)

    def erasure_request_changed(
        self, event: ErasureRequested | ErasureWithdrawn, trace: Trace, repository: NotificationRepository
    ) -> None:
        contacts = _contacts_of([Person(member=event.member, institution=event.institution)], event, repository)
        notices = [_erasure_notice(event, to) for to in dict.fromkeys(_recipients(event))]
        self._notify(notices, contacts, trace, repository)

    def _notify(
        self,
        notices: Sequence[PendingNotification],
        contacts: Mapping[str, KnownContact],
        trace: Trace,
        repository: NotificationRepository,
    ) -> None:
        """Ids are derived from the cause: after a restored backup the same event makes the same notification again.

        Erased members get no notification.
        """
        erased = {member for member, contact in contacts.items() if contact.is_erased}
        notices = [notice for notice in notices if notice.recipient.member not in erased]
        if not notices:
            return
        now = self._clock.now()
        cause = trace.causation_id or self._clock.new_id()
        recorded = {
            derived_id(cause, f"told {_recipient_and_occasion(notice)}"): self._record(notice, repository, now, cause)
            for notice in notices
        }
        addressees = _addressees_of(notices, contacts, repository)
        for notice, notification in zip(notices, recorded.values(), strict=True):
            repository.plan(self._delivery(notice, notification, addressees[notice.recipient], now, cause))
        repository.publish(recorded, now=now, trace=trace)

    def _record(
        self, notice: PendingNotification, repository: NotificationRepository, now: datetime, cause: str
    ) -> NotificationRecorded:
        position = repository.next_position(notice.recipient)
        new_id = derived_id(cause, _recipient_and_occasion(notice))
        notification = repository.record(notice, position=position, now=now, new_id=new_id)
        return NotificationRecorded(
            notification=notification,
            member=notice.recipient.member,
            institution=notice.recipient.institution,
            template=notice.change.template,
            occasion=notice.occasion,
            position=position,
        )

    def _delivery(
        self,
        notice: PendingNotification,
        recorded: NotificationRecorded,
        addressee: Addressee,
        now: datetime,
        cause: str,
    ) -> Delivery:
        return plan(
            notice,
            addressee,
            id=derived_id(cause, f"mail {_recipient_and_occasion(notice)}"),
            notification=recorded.notification,
            position=recorded.position,
            has_mail_server=self._has_mail_server,
            now=now,
        )


def _contacts_of(
    named: Iterable[Person], event: AnyEvent, repository: NotificationRepository
) -> Mapping[str, KnownContact]:
    """The contacts of the named people and of the recipients.

    Refuses an event that names another institution of a member: a member's institution never changes.
    """
    people = [*named, *map(_person, event.recipients)]
    contacts = repository.contacts_of({person.member for person in people})
    for person in people:
        contact = contacts.get(person.member)
        if contact is not None and contact.institution != person.institution:
            raise Rejected("another_institution", "names a member under an institution that is not theirs")
    return contacts


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


def _recipient_and_occasion(notice: PendingNotification) -> str:
    return f"{notice.recipient.institution}:{notice.recipient.member} {notice.occasion}"


def _recipients(event: AnyEvent) -> list[Recipient]:
    return [Recipient(institution=to.institution, member=to.member) for to in event.recipients]


def _pair_update(event: AboutPair, recipient: Recipient) -> PendingNotification:
    """One occasion for each request, relationship and meeting series, and for each other kind of matter of a
    mentorship: an unread update is replaced by the next.
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
        is_accepted=isinstance(event, RequestAccepted | AboutRelationship | AboutMentorship),
        at=next((at for name in _MOMENTS if (at := getattr(event, name, None)) is not None), None),
    )
    return PendingNotification(
        recipient=recipient, occasion=f"{aggregate}:{event.programme}:{_about(event)}", change=update
    )


def _about(event: AboutPair) -> str:
    if isinstance(event, AboutMentorship) and not isinstance(event, AboutMeetings):
        return event.mentorship
    return event.aggregate


def _reason(event: AboutPair) -> str | None:
    """The reason of the event, or a code of ours: for a relationship from a round, and for a changed meeting."""
    if isinstance(event, RelationshipOpened) and event.round:
        return "matched_in_round"
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


def _hint(event: Confidential, recipient: Recipient) -> PendingNotification:
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
