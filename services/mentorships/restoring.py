"""What mentorships restores after a backup: every version continues in a new epoch.

Relationships opened since the backup are read again from matching's events. What the two people did with a mentorship
since then is lost, because its events do not carry it: such mentorships are named with their last event.
"""

from collections.abc import Iterator, Mapping

from services.mentorships.agreements.repository.agreements import AGREEMENTS
from services.mentorships.checkins.repository import CHECK_INS
from services.mentorships.flash.repository import FLASH_SLOTS
from services.mentorships.goals.repository import GOALS
from services.mentorships.groups.repository import GROUPS
from services.mentorships.lifecycle.repository import MENTORSHIPS
from services.mentorships.meetings.repository import SERIES
from services.mentorships.messages.repository import MESSAGES
from services.mentorships.outreach.repository import VISITS
from services.mentorships.support.repository import HEARERS, SUPPORT
from shared.contracts.envelope import Received
from shared.mongo import Database
from shared.restoring import Ahead, Counter, Outcome, raise_counters

VERSIONED: Mapping[str, str] = {
    "mentorship": MENTORSHIPS,
    "agreement": AGREEMENTS,
    "goal": GOALS,
    "check_ins": CHECK_INS,
    "message": MESSAGES,
    "series": SERIES,
    "support": SUPPORT,
    "hearer": HEARERS,
    "slot": FLASH_SLOTS,
    "visit": VISITS,
    "group": GROUPS,
}
"""By an event's aggregate: the collection whose `version` is its sequence."""


class MentorshipsRestored:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def counters(self) -> Mapping[Counter, int]:
        return {
            (name, document["_id"]): document["version"]
            for name in VERSIONED.values()
            async for document in self._database[name].find({}, {"version": 1})
        }

    def raised_by(self, received: Received) -> tuple[Counter, int] | None:
        name = VERSIONED.get(received.payload.AGGREGATE) if received.payload is not None else None
        return None if name is None else ((name, received.envelope.subject), received.envelope.sequence)

    def outcomes(self, ahead: Ahead) -> Iterator[Outcome]:
        for (name, id), received in ahead.items():
            yield "set_back", f"{name} {id} ({received.envelope.type})"

    async def restore(self, ahead: Ahead, *, epoch: int) -> Iterator[Outcome]:
        for name in VERSIONED.values():
            await raise_counters(self._database, name, "version", epoch=epoch)
        return self.outcomes(ahead)
