"""What the slices do when a mentorship changes and when a member is erased: for the service, the operator's commands
and tests.
"""

from collections.abc import Sequence

from services.mentorships.checkins import repository as checkins
from services.mentorships.goals import repository as goals
from services.mentorships.guides import repository as guides
from services.mentorships.lifecycle.repository import MongoMentorships
from services.mentorships.messages import repository as messages
from services.mentorships.privacy.repository import Forget
from shared.clock import Clock
from shared.mongo import Database

FORGET: Sequence[Forget] = (goals.forget, checkins.forget, messages.forget, guides.forget)


def mentorships(database: Database, clock: Clock) -> MongoMentorships:
    """With the effects of every slice that follows mentorships."""
    return MongoMentorships(database, clock, follow=[checkins.MongoCheckIns(database, clock).follow])
