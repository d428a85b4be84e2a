"""Flash slots of Ada, and one that Mia has booked, for unit tests."""

from datetime import datetime, timedelta

from services.mentorships.flash import domain
from services.mentorships.flash.domain import Calendar, Slot, Window
from services.mentorships.kernel.pairs import Decided
from tests.unit.mentorships_people import ADA, DAY, MIA, NOW

STARTS = NOW + 10 * DAY
FREE = Calendar(coming=0, overlaps=False)


def window(*, begins_at: datetime = STARTS, minutes: int = 30, slots: int = 1) -> Window:
    return Window(begins_at=begins_at, ends_at=begins_at + slots * timedelta(minutes=minutes), minutes=minutes)


def template() -> Slot:
    return Slot(
        id="w",
        programme="residency",
        mentor=ADA,
        admits=("north", "south"),
        starts_at=STARTS,
        minutes=30,
        topic="Your first abstract",
        link="https://call.example/ada",
    )


def offered() -> Decided[Slot]:
    return domain.offer(window(), template(), FREE, now=NOW)[0]


def booked() -> Slot:
    decided = domain.book(offered().state, MIA, FREE, question="Which journal?", now=NOW)
    assert decided is not None
    return decided.state
