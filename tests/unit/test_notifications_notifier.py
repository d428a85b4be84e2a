"""The notifier, with a repository in memory."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

import pytest

from services.notifications.deliveries.domain.deliveries import Delivery
from services.notifications.kernel.domain import (
    Change,
    ErasureNotice,
    Hint,
    KnownContact,
    LeftOver,
    ListChange,
    Notification,
    PairUpdate,
    Person,
    Recipient,
)
from services.notifications.notifying.usecases import Notifier, Numbered, Recorded
from services.notifications.preferences.domain.choices import Policy, Preferences
from shared.contracts.envelope import Trace
from shared.contracts.matching import (
    AboutRelationship,
    AboutRequest,
    MenteeUnmatched,
    MentorRequested,
    PairLapsed,
    Ranked,
    RelationshipClosed,
    RelationshipOpened,
    RequestAccepted,
    RequestWithdrawn,
    SuggestionsChanged,
)
from shared.contracts.notifications import NotificationRecorded
from shared.contracts.payload import Recipient as Named
from shared.contracts.profiles import ErasureRequested, ErasureWithdrawn, MemberInvited
from shared.errors import Rejected

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
TRACE = Trace(correlation_id="request", causation_id="fact")


class FixedClock:
    def __init__(self) -> None:
        self._ids = count(1)

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def new_id(self) -> str:
        return f"id-{next(self._ids)}"


class NotificationsInMemory:
    def __init__(self) -> None:
        self.contacts: dict[str, KnownContact] = {}
        self.contacts_read: list[set[str]] = []
        self.choices_read = 0
        self.positions: dict[Recipient, int] = {}
        self.kept: dict[str, Notification] = {}
        self.published: list[tuple[NotificationRecorded, Trace]] = []
        self.deliveries: list[Delivery] = []

    def next_positions(self, recipients: Sequence[Recipient]) -> Sequence[int]:
        return [self._next_position(recipient) for recipient in recipients]

    def _next_position(self, recipient: Recipient) -> int:
        self.positions[recipient] = self.positions.get(recipient, 0) + 1
        return self.positions[recipient]

    def record(self, notices: Sequence[Numbered], *, now: datetime) -> Sequence[str]:
        return [self._record(numbered, now) for numbered in notices]

    def _record(self, numbered: Numbered, now: datetime) -> str:
        notice = numbered.notice
        unread = next(
            (
                notification
                for notification in self.kept.values()
                if notification.read_at is None
                and (notification.recipient, notification.occasion) == (notice.recipient, notice.occasion)
            ),
            None,
        )
        notification = Notification(
            id=unread.id if unread else numbered.new_id,
            recipient=notice.recipient,
            occasion=notice.occasion,
            change=_updated(unread.change if unread else notice.change, notice.change),
            position=numbered.position,
            notified_at=now,
        )
        self.kept[notification.id] = notification
        return notification.id

    def contacts_of(self, members: Iterable[str]) -> Mapping[str, KnownContact]:
        self.contacts_read.append(set(members))
        return {member: self.contacts[member] for member in self.contacts_read[-1] if member in self.contacts}

    def choices_of(
        self, recipients: Iterable[Recipient]
    ) -> tuple[Mapping[Recipient, Preferences], Mapping[str, Policy]]:
        self.choices_read += 1
        return dict.fromkeys(recipients, Preferences()), {}

    def plan(self, deliveries: Sequence[Delivery]) -> None:
        self.deliveries += deliveries

    def publish(self, recorded: Sequence[Recorded], *, now: datetime) -> None:
        assert now == NOW
        self.published += [(fact.event, fact.trace) for fact in recorded]


def _updated(before: Change, after: Change) -> Change:
    both_lists = isinstance(before, ListChange) and isinstance(after, ListChange)
    return replace(after, before=before.before) if both_lists else after


def event(
    *recipients: str,
    ranked: tuple[str, ...] = ("ben", "ada"),
    entered: tuple[str, ...] = ("ada",),
    left: tuple[str, ...] = (),
) -> SuggestionsChanged:
    return SuggestionsChanged(
        enrolment="residency.mia",
        programme="residency",
        mentee="mia",
        institution="north",
        version=1,
        ranked=tuple(Ranked(mentor=name, institution="north", rank=rank) for rank, name in enumerate(ranked, 1)),
        entered=entered,
        left=left,
        cause="own_change",
        recipients=tuple(Named(member=member, institution="north") for member in recipients),
    )


async def unread_after(*events: SuggestionsChanged) -> Notification:
    repository = NotificationsInMemory()
    await notify(repository, *events)
    (only,) = repository.kept.values()
    return only


def members(change: ListChange) -> tuple[list[str], set[str]]:
    return [mentor.member for mentor in change.entered], set(change.left)


async def notify(repository: NotificationsInMemory, *events: SuggestionsChanged) -> None:
    notifier = Notifier(FixedClock())
    for event in events:
        notifier.notify([(event, TRACE)], repository)


async def test_every_recipient_gets_a_notification_and_each_is_published() -> None:
    repository = NotificationsInMemory()
    await notify(repository, event("mia", "max"))
    assert {notification.recipient.member for notification in repository.kept.values()} == {"mia", "max"}
    assert {event.aggregate for event, _ in repository.published} == repository.kept.keys()


async def test_an_event_without_recipients_writes_nothing_and_reads_no_choices() -> None:
    repository = NotificationsInMemory()
    await notify(repository, event())
    assert (repository.kept, repository.published, repository.positions) == ({}, [], {})
    assert repository.choices_read == 0


async def test_an_erased_recipient_is_not_notified_and_the_others_are() -> None:
    repository = NotificationsInMemory()
    repository.contacts["max"] = KnownContact(institution="north", is_erased=True)
    await notify(repository, event("mia", "max"))
    assert [notification.recipient.member for notification in repository.kept.values()] == ["mia"]
    assert [event.member for event, _ in repository.published] == ["mia"]


async def test_an_event_that_names_a_member_under_another_institution_is_refused() -> None:
    repository = NotificationsInMemory()
    repository.contacts["ada"] = KnownContact(institution="south", is_erased=False)
    with pytest.raises(Rejected):
        await notify(repository, event("mia"))
    assert repository.kept == {}


async def test_one_read_of_contacts_answers_all_that_is_asked_of_them() -> None:
    repository = NotificationsInMemory()
    await notify(repository, event("mia", "max"))
    assert repository.contacts_read == [{"mia", "max", "ben", "ada"}]


async def test_a_second_event_updates_the_unread_notification_under_a_new_position() -> None:
    only = await unread_after(event("mia"), event("mia", ranked=("eve", "ben", "ada"), entered=("eve",)))
    assert only.position == 2
    assert members(only.change) == (["eve", "ada"], set())


async def test_a_mentor_who_came_and_went_while_unread_is_not_mentioned() -> None:
    only = await unread_after(event("mia"), event("mia", ranked=("ben",), entered=(), left=("ada",)))
    assert members(only.change) == ([], set())


async def test_a_mentor_who_left_and_came_back_while_unread_is_not_mentioned() -> None:
    without = event("mia", ranked=("ben",), entered=(), left=("ada",))
    assert members((await unread_after(without, event("mia"))).change) == ([], set())


async def test_a_repeated_event_changes_no_text() -> None:
    single, repeated = await unread_after(event("mia")), await unread_after(event("mia"), event("mia"))
    assert single.change == repeated.change


async def test_the_published_event_has_recipients_and_template_and_nothing_else() -> None:
    repository = NotificationsInMemory()
    await notify(repository, event("mia"))
    ((recorded, trace),) = repository.published
    assert trace == TRACE
    assert recorded.model_dump() == {
        "notification": next(iter(repository.kept)),
        "member": "mia",
        "institution": "north",
        "template": "suggestions-changed",
        "occasion": "suggestions:residency:own_change",
        "position": 1,
    }


async def test_the_list_is_kept_best_first_whatever_the_order_of_the_event() -> None:
    shuffled = event("mia").model_copy(update={"ranked": tuple(reversed(event("mia").ranked))})
    assert [mentor.member for mentor in (await unread_after(shuffled)).change.now] == ["ben", "ada"]


MIA, ADA = Named(member="mia", institution="north"), Named(member="ada", institution="south")
PAIR = {"programme": "residency", "mentee": MIA, "mentor": ADA}


async def pair_changed(*events: AboutRequest | AboutRelationship) -> NotificationsInMemory:
    repository, notifier = NotificationsInMemory(), Notifier(FixedClock())
    for event in events:
        notifier.notify([(event, TRACE)], repository)
    return repository


async def test_a_mentor_is_notified_of_a_request_with_the_mentees_card() -> None:
    repository = await pair_changed(MentorRequested(request="r", expires_at=NOW, recipients=(ADA,), **PAIR))
    [notification] = repository.kept.values()
    assert (notification.recipient.member, notification.occasion, notification.template) == (
        "ada",
        "request:residency:r",
        "request-made",
    )
    assert isinstance(notification.change, PairUpdate)
    assert (notification.change.side, notification.change.other) == (
        "mentor",
        Person(member="mia", institution="north"),
    )
    assert notification.named == frozenset()


async def test_updates_of_a_request_share_one_notification_and_a_relationship_has_its_own() -> None:
    repository = await pair_changed(
        MentorRequested(request="r", expires_at=NOW, recipients=(ADA,), **PAIR),
        RequestWithdrawn(request="r", reason="by_mentee", recipients=(ADA,), **PAIR),
        RelationshipClosed(relationship="s", reason="no_time", recipients=(ADA,), **PAIR),
    )
    assert [(notification.template, notification.position) for notification in repository.kept.values()] == [
        ("request-withdrawn", 2),
        ("relationship-closed", 3),
    ]


async def test_both_names_are_shown_after_acceptance() -> None:
    repository = await pair_changed(RequestAccepted(request="r", relationship="s", recipients=(MIA,), **PAIR))
    [notification] = repository.kept.values()
    assert notification.named == {Person(member="ada", institution="south")}


async def test_a_mentee_matched_by_a_round_is_notified_once_and_of_no_list_change() -> None:
    repository, notifier = NotificationsInMemory(), Notifier(FixedClock())
    suppressed = event("mia").model_copy(
        update={"cause": "others_change", "suppressed": "matched_in_round", "recipients": ()}
    )
    notifier.notify([(suppressed, TRACE)], repository)
    opened = RelationshipOpened(relationship="s", round="r", recipients=(MIA, ADA), **PAIR)
    notifier.notify([(opened, TRACE)], repository)
    by_member = {notification.recipient.member: notification for notification in repository.kept.values()}
    assert by_member.keys() == {"mia", "ada"}
    assert (by_member["mia"].template, by_member["mia"].change.reason) == ("relationship-opened", "matched_in_round")


async def test_an_unmatched_mentee_is_notified_of_the_latest_round_only() -> None:
    repository, notifier = NotificationsInMemory(), Notifier(FixedClock())
    mia = Named(member="mia", institution="north")
    about = {"round": "r", "programme": "residency", "mentee": mia}
    unmatched = MenteeUnmatched(place="r.1", reason="outranked", recipients=(mia,), **about)
    lapsed = PairLapsed(place="r.2", reason="not_available", recipients=(mia,), **about)
    unheard = lapsed.model_copy(update={"recipients": ()})
    for event in (unmatched, lapsed, unheard):
        notifier.notify([(event, TRACE)], repository)
    [kept] = repository.kept.values()
    assert kept.change == LeftOver(template="round-lapsed", programme="residency", reason="not_available")
    assert [recorded.template for recorded, _ in repository.published] == ["round-unmatched", "round-lapsed"]


async def test_a_withdrawal_replaces_the_unread_notification_of_an_erasure_request() -> None:
    repository, notifier = NotificationsInMemory(), Notifier(FixedClock())
    mia = Named(member="mia", institution="north")
    request = ErasureRequested(erasure="e", member="mia", institution="north", due_at=NOW, recipients=(mia,))
    for _ in range(2):
        notifier.notify([(request, TRACE)], repository)
    [kept] = repository.kept.values()
    assert (kept.recipient.member, kept.change) == ("mia", ErasureNotice(template="erasure-requested", due_at=NOW))
    withdrawal = ErasureWithdrawn(erasure="e", member="mia", institution="north", recipients=(mia,))
    notifier.notify([(withdrawal, TRACE)], repository)
    [kept] = repository.kept.values()
    assert (kept.recipient.member, kept.change) == ("mia", ErasureNotice(template="erasure-withdrawn", due_at=None))
    assert [recorded.template for recorded, _ in repository.published] == ["erasure-requested"] * 2 + [
        "erasure-withdrawn"
    ]


async def test_a_reminder_replaces_the_unread_invitation_whose_occasion_ends_with_its_id() -> None:
    repository, notifier = NotificationsInMemory(), Notifier(FixedClock(), has_mail_server=True)
    mia = Named(member="mia", institution="north")
    first = MemberInvited(
        invitation="i-1", member="mia", institution="north", programme="care", expires_at=NOW, recipients=(mia,)
    )
    for invited in (first, first.model_copy(update={"is_reminder": True})):
        notifier.notify([(invited, TRACE)], repository)
    [kept] = repository.kept.values()
    assert (kept.occasion, kept.change) == ("invitation:i-1", Hint(template="member-reminded", programme="care"))
    assert {delivery.category for delivery in repository.deliveries} == {"account"}


async def test_each_notification_plans_one_mail_whose_id_depends_on_the_cause_alone() -> None:
    first, again = NotificationsInMemory(), NotificationsInMemory()
    for repository in (first, again):
        Notifier(FixedClock(), has_mail_server=True).notify([(event("mia", "max"), TRACE)], repository)
    assert [delivery.id for delivery in first.deliveries] == [delivery.id for delivery in again.deliveries]
    assert {delivery.notification for delivery in first.deliveries} == first.kept.keys()
    assert len({delivery.id for delivery in first.deliveries}) == 2


async def test_without_a_mail_server_the_mail_is_suppressed_and_says_so() -> None:
    repository = NotificationsInMemory()
    await notify(repository, event("mia"))
    (delivery,) = repository.deliveries
    assert [(decision.state, decision.reason) for decision in delivery.decisions] == [("suppressed", "no_mail_server")]


def test_events_that_arrive_together_notify_as_one_after_the_other() -> None:
    events = [
        MentorRequested(request="r", expires_at=NOW, recipients=(ADA,), **PAIR),
        RequestWithdrawn(request="r", reason="by_mentee", recipients=(ADA,), **PAIR),
        RelationshipOpened(relationship="s", round="r", recipients=(MIA, ADA), **PAIR),
        event("mia"),
    ]
    traces = [Trace(correlation_id="request", causation_id=f"fact-{number}") for number in range(len(events))]
    together, separately = NotificationsInMemory(), NotificationsInMemory()
    Notifier(FixedClock()).notify(list(zip(events, traces, strict=True)), together)
    for each, trace in zip(events, traces, strict=True):
        Notifier(FixedClock()).notify([(each, trace)], separately)
    assert len(together.contacts_read) == together.choices_read == 1
    assert (together.kept, together.published, together.deliveries) == (
        separately.kept,
        separately.published,
        separately.deliveries,
    )
