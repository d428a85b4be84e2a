"""Every event about a mentorship reaches its recipients, in one unread notification for each kind of matter."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from services.notifications.deliveries.domain.kinds import KINDS
from services.notifications.kernel.domain import Notification, PairUpdate, Person
from services.notifications.notifying import wiring
from services.notifications.notifying.usecases import Notifier
from shared.contracts.catalogue import EVENTS
from shared.contracts.meetings import MeetingAgreed, MeetingChanged, MeetingProposed
from shared.contracts.mentorships import AboutMentorship, IntroductionEnding, MessageSent, ReturnPlanned
from tests.unit.test_notifications_notifier import ADA, MIA, NOW, PAIR, TRACE, FixedClock, NotificationsInMemory

ABOUT_MENTORSHIPS = sorted(type for type, event in EVENTS.items() if issubclass(event, AboutMentorship))
WITHOUT_RECIPIENTS = {"mentorship-activated", "mentorship-paused", "mentorship-resumed", "meeting-unknown"}
"""Facts of which another event notifies people: the agreement's, or matching's; and meetings that neither recorded."""


def unread_after(*events: AboutMentorship) -> Sequence[Notification]:
    repository, notifier = NotificationsInMemory(), Notifier(FixedClock())
    for event in events:
        notifier.notify([(event, TRACE)], repository)
    return list(repository.kept.values())


def test_an_update_names_the_other_person_and_carries_the_announced_moment() -> None:
    [notification] = unread_after(IntroductionEnding(mentorship="s", ends_at=NOW, recipients=(MIA,), **PAIR))
    assert (notification.occasion, notification.template) == (
        "mentorship:residency:s",
        "mentorship-introduction_ending",
    )
    assert isinstance(notification.change, PairUpdate)
    assert (notification.change.side, notification.change.at) == ("mentee", NOW)
    assert notification.named == {Person(member="ada", institution="south")}


def test_a_return_that_is_open_again_replaces_the_planned_one() -> None:
    planned, open_again = (
        ReturnPlanned(mentorship="s", returns_at=at, recipients=(ADA,), **PAIR) for at in (NOW, None)
    )
    [notification] = unread_after(planned, open_again)
    assert isinstance(notification.change, PairUpdate)
    assert (notification.change.at, notification.position) == (None, 2)


def test_unread_messages_of_a_mentorship_share_one_notification() -> None:
    sent = [MessageSent(message=id, mentorship="s", recipients=(ADA,), **PAIR) for id in ("first", "second")]
    [notification] = unread_after(*sent)
    assert (notification.occasion, notification.position) == ("message:residency:s", 2)


def test_an_unread_proposal_of_meetings_is_replaced_by_its_agreement_and_not_by_another_series() -> None:
    about = {"mentorship": "m", "recipients": (ADA,), **PAIR}
    proposed = [MeetingProposed(series=id, **about) for id in ("weekly", "monthly")]
    agreed = MeetingAgreed(series="weekly", starts_at=NOW, **about)
    weekly, monthly = unread_after(*proposed, agreed)
    assert (weekly.occasion, weekly.template) == ("meeting:residency:weekly", "meeting-agreed")
    assert (monthly.occasion, monthly.template) == ("meeting:residency:monthly", "meeting-proposed")
    assert isinstance(weekly.change, PairUpdate)
    assert weekly.change.at == NOW


def test_a_moved_meeting_is_announced_at_its_new_time_and_a_cancelled_meeting_at_its_old() -> None:
    for moved_to, reason, at in ((NOW + timedelta(days=1), "moved", NOW + timedelta(days=1)), (None, "cancelled", NOW)):
        about = {"mentorship": "m", "series": "s", "recipients": (MIA,), **PAIR}
        [notification] = unread_after(MeetingChanged(starts_at=NOW, moved_to=moved_to, **about))
        assert isinstance(notification.change, PairUpdate)
        assert (notification.change.reason, notification.change.at) == (reason, at)


def test_a_fact_without_recipients_notifies_no_person() -> None:
    assert unread_after(IntroductionEnding(mentorship="s", ends_at=NOW, **PAIR)) == []


@pytest.mark.parametrize("type", ABOUT_MENTORSHIPS)
def test_every_event_about_a_mentorship_has_a_reaction_and_words(type: str) -> None:
    assert EVENTS[type] in wiring.NOTIFYING
    template = "-".join(type.split(".")[3:5])
    assert (template in KINDS) != (template in WITHOUT_RECIPIENTS)
