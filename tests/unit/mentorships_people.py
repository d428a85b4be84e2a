"""A mentorship of two people in one programme, for unit tests."""

from datetime import UTC, datetime, timedelta

from services.mentorships.goals.domain import OpenPair
from services.mentorships.kernel.pairs import Pair, Party
from services.mentorships.lifecycle import domain
from services.mentorships.lifecycle.domain import Mentorship

NOW = datetime(2027, 1, 4, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MIA = Party(member="mia", institution="north")
ADA = Party(member="ada", institution="south")
PAIR = Pair(programme="residency", mentee=MIA, mentor=ADA)


GOING_ON = OpenPair(pair=PAIR, is_open=True)
OVER = OpenPair(pair=PAIR, is_open=False)


def introduction(days: int = 30) -> Mentorship:
    return domain.begin(PAIR, id="m", introduction_days=days, opened_at=NOW, now=NOW).state


def active(*, ends_at: datetime | None = None, interval_days: int = 30) -> Mentorship:
    return domain.agree(introduction(), ends_at=ends_at, interval_days=interval_days, now=NOW).state


def paused(of: Mentorship) -> Mentorship:
    decided = domain.pause(of, reason="by_mentee", now=NOW)
    assert decided is not None
    return decided.state


def ended() -> Mentorship:
    return domain.leave(introduction(), now=NOW).state
