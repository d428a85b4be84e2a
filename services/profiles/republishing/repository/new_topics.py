"""Publishes members on a topic that is newer than they are: states are published only where they change."""

from services.profiles.kernel.repository import to_outbox_events, to_versioned, topic_key
from services.profiles.members.domain.members import facts
from services.profiles.members.repository.members import MAPPING, MEMBERS
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.profiles import MentoringProfileChanged
from shared.mongo import Database, Document, Transaction, in_transaction
from shared.outbox import table as outbox

_TOPIC = MentoringProfileChanged.TOPIC
_SEQUENCE = f"sequences.{topic_key(MentoringProfileChanged)}"
_BATCH = 200


class MongoNewTopicRepository:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def publish_missing(self) -> int:
        """Returns how many were published. Raises each member's version, so that a concurrent change is decided again
        and continues the new topic's sequence.
        """
        published = 0
        while batch := await self._missing():
            for member in batch:
                published += await self._publish(member)
        return published

    async def _missing(self) -> list[Document]:
        wanted = {_SEQUENCE: {"$exists": False}}
        return await self._database[MEMBERS].find(wanted, {"version": 1, "institution": 1}).limit(_BATCH).to_list(None)

    async def _publish(self, expected: Document) -> bool:
        def body(transaction: Transaction) -> bool:
            document = transaction[MEMBERS].find_one_and_update(
                expected, {"$inc": {"version": 1}, "$set": {_SEQUENCE: 1}}, session=transaction.session
            )
            if document is None:
                return False
            member = to_versioned(document, MAPPING).state
            rows = to_outbox_events(
                [fact for fact in facts(member) if fact.TOPIC == _TOPIC],
                {topic_key(MentoringProfileChanged): 1},
                institution=member.institution,
                clock=self._clock,
                trace=Trace(correlation_id=self._clock.new_id()),
                bulk=True,
            )
            outbox.write(transaction, rows)
            return True

        return await in_transaction(self._database, body)
