"""A visit of Ada to a school, for unit tests."""

from datetime import datetime

from services.mentorships.kernel.pairs import Decided
from services.mentorships.outreach import domain
from services.mentorships.outreach.domain import Plan, Visit
from tests.unit.mentorships_people import ADA, DAY, NOW

STARTS = NOW + 10 * DAY
CONTACT = "Ms Host, 030 1234"


def plan(*, starts_at: datetime = STARTS, school: str = "North School", contact: str = CONTACT) -> Plan:
    return Plan(starts_at=starts_at, minutes=90, school=school, contact=contact, kit="https://kit.example")


def planned(of: Plan | None = None) -> Decided[Visit]:
    return domain.plan_visit(of or plan(), id="v", visitor=ADA, planned=0, now=NOW)
