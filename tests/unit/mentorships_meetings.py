"""Meeting series of Mia and Ada in every state, for unit tests."""

from datetime import datetime, timedelta

from services.mentorships.kernel.pairs import Decided
from services.mentorships.meetings.domain import plans, series
from services.mentorships.meetings.domain.duties import Busy
from services.mentorships.meetings.domain.plans import Plan, Wanted
from services.mentorships.meetings.domain.states import DutyReason, Series
from services.mentorships.meetings.domain.zones import instant
from services.mentorships.meetings.usecases import Seen
from services.mentorships.projections.domain import Person
from tests.unit.mentorships_people import DAY, NOW, PAIR

BERLIN = "Europe/Berlin"
FIRST_FRIDAY = "FREQ=MONTHLY;BYDAY=1FR"
FIRST = datetime(2027, 2, 5, 17)


def plan(
    rule: str = FIRST_FRIDAY, *, starts: datetime = FIRST, zone: str = BERLIN, minutes: int = 45, skipped: tuple = ()
) -> Plan:
    wanted = Wanted(
        starts=starts,
        zone=zone,
        minutes=minutes,
        rule=rule,
        skipped=skipped,
        place="Library",
        link="https://example.org",
    )
    return plans.plan(wanted)


def known(decided: Decided[Series] | None) -> Series:
    assert decided is not None
    return decided.state


def proposed(wanted: Plan | None = None) -> Series:
    decided = series.propose(wanted or plan(), id="s", mentorship="m", pair=PAIR, by="mentee", now=NOW)
    return decided.state


def agreed(wanted: Plan | None = None) -> Series:
    return series.agree(proposed(wanted), by="mentor", now=NOW).state


def with_counter_proposal() -> Series:
    return series.counter(agreed(), plan(minutes=60), by="mentor", now=NOW).state


def suspended(of: Series) -> Series:
    return known(series.suspend(of, now=NOW + DAY))


def cancelled() -> Series:
    return series.cancel(agreed(), by="mentor", now=NOW).state


def on_duty(*, on: datetime = FIRST, hours: int = 8, reason: DutyReason = "shift") -> Busy:
    """A duty around this local time."""
    begins_at = instant(on, BERLIN) - timedelta(hours=2)
    return Busy(begins_at=begins_at, ends_at=begins_at + timedelta(hours=hours), reason=reason)


def seen(of: Series, *, name: str = "Ada") -> Seen:
    """As the mentee sees it."""
    ada = Person(id="ada", institution="south", name=name, locale="en", time_zone=BERLIN, principles="", is_active=True)
    return Seen(series=of, side="mentee", people={"ada": ada}, now=NOW)
