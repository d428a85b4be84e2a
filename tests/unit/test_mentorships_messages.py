"""Who may write in the thread of a mentorship, and what a report shows to whom."""

from dataclasses import replace

import pytest

from services.mentorships.kernel.pairs import Side
from services.mentorships.messages import domain
from services.mentorships.messages.domain import Message, Thread
from shared.contracts.mentorships import MessageSent
from shared.errors import Conflict, Forbidden
from tests.unit.mentorships_people import ADA, DAY, NOW, PAIR

THREAD = Thread(pair=PAIR, is_open=True, blocked_by=(), messages=0)


def sent(thread: Thread = THREAD, *, by: Side = "mentee") -> Message:
    return domain.send(thread, mentorship="m", id="n", by=by, text="Friday?", now=NOW).state


def test_the_other_person_is_notified_and_the_text_is_in_no_event() -> None:
    event = domain.send(THREAD, mentorship="m", id="n", by="mentee", text="Friday?", now=NOW).event
    assert isinstance(event, MessageSent)
    assert event.recipients == (ADA.as_recipient,)
    assert "Friday" not in event.model_dump_json()


@pytest.mark.parametrize(
    ("thread", "code"),
    [
        (replace(THREAD, is_open=False), "mentorship_ended"),
        (replace(THREAD, blocked_by=("mentee",)), "thread_blocked"),
        (replace(THREAD, blocked_by=("mentor",)), "thread_closed"),
        (replace(THREAD, messages=domain.MAX_MESSAGES), "thread_full"),
    ],
)
def test_where_nothing_can_be_sent_the_refusal_says_what_the_sender_may_know(thread: Thread, code: str) -> None:
    with pytest.raises(Conflict) as refused:
        sent(thread)
    assert refused.value.code == code


def test_only_the_receiver_reports_a_message_and_once() -> None:
    with pytest.raises(Forbidden):
        domain.report(sent(), by="mentee", reason="spam", comment="", now=NOW)
    reported = domain.report(sent(), by="mentor", reason="harassment", comment="Again", now=NOW)
    assert reported is not None
    assert reported.event is None
    assert domain.report(reported.state, by="mentor", reason="spam", comment="", now=NOW + DAY) is None
