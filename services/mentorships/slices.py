"""What the slices do when a mentorship changes, a member asks for their data, or a member is erased: for the service,
the operator's commands and tests.
"""

from collections.abc import Mapping, Sequence

from services.mentorships.agreements.repository import agreements
from services.mentorships.calendars import repository as calendars
from services.mentorships.checkins import repository as checkins
from services.mentorships.flash import repository as flash
from services.mentorships.goals import repository as goals
from services.mentorships.groups import repository as groups
from services.mentorships.guides import repository as guides
from services.mentorships.lifecycle import repository as lifecycle
from services.mentorships.lifecycle.repository import CarryOver, MongoMentorships
from services.mentorships.meetings import repository as meetings
from services.mentorships.messages import repository as messages
from services.mentorships.numbers import repository as numbers
from services.mentorships.outreach import repository as outreach
from services.mentorships.privacy.repository import Export, Forget
from services.mentorships.projections import repository as projections
from services.mentorships.rotas import repository as rotas
from services.mentorships.support import repository as support
from shared.clock import Clock
from shared.mongo import Database

FORGET: Sequence[Forget] = (
    agreements.forget,
    goals.forget,
    checkins.forget,
    messages.forget,
    guides.forget,
    meetings.forget,
    calendars.forget,
    support.forget,
    flash.forget,
    rotas.forget,
    outreach.forget,
    groups.forget,
    numbers.forget,
)
EXPORTS: Mapping[str, Export] = {
    "profile": projections.export,
    "mentorships": lifecycle.export,
    "agreements": agreements.export,
    "goals": goals.export,
    "check_ins": checkins.export,
    "messages": messages.export,
    "guides": guides.export,
    "meetings": meetings.export,
    "rota": rotas.export,
    "support": support.export,
    "flash_slots": flash.export,
    "outreach_visits": outreach.export,
    "groups": groups.export,
    "message_blocks": messages.export_blocks,
    "message_reports": messages.export_reports,
    "calendar": calendars.export,
    "suggestions": numbers.export,
}
"""By the name of its section."""


def mentorships(database: Database, clock: Clock) -> MongoMentorships:
    """With the effects of every slice that follows mentorships."""
    return MongoMentorships(
        database,
        clock,
        follow=[
            agreements.follow_mentorships(database, clock),
            checkins.MongoCheckIns(database, clock).follow,
            meetings.follow_mentorships(database, clock),
            groups.follow_mentorships(database, clock),
        ],
    )


def carry_over(database: Database, clock: Clock) -> Sequence[CarryOver]:
    """What goes on when a mentorship continues at another institution."""
    return [
        agreements.carry_over(database, clock),
        checkins.carry_over(database, clock),
        goals.carry_over(database, clock),
        meetings.carry_over(database, clock),
        messages.carry_over,
    ]
