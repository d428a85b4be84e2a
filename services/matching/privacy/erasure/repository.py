"""Commands to forget an erased member: written with the markers, kept as done once the receipt is written."""

from services.matching.privacy.erasure.usecases import ErasureCommand
from services.matching.projections.departures import DEPARTURES
from services.matching.projections.erasures import ERASURES, WAITS
from shared.clock import Clock, derived_id
from shared.contracts.envelope import Trace
from shared.contracts.matching import MatchingErasureCompleted
from shared.mongo import ASCENDING, Database, IndexModel, Transaction, ensure_indexes, in_transaction
from shared.outbox import table as outbox
from shared.outbox.table import OutboxEvent


class MongoErasureRepository:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def prepare(self) -> None:
        waiting = IndexModel([("waits", ASCENDING)], name="waiting", partialFilterExpression=WAITS)
        await ensure_indexes(self._database[ERASURES], [waiting])

    async def waiting(self, *, limit: int) -> list[ErasureCommand]:
        found = self._database[ERASURES].find(WAITS).limit(limit)
        return [
            ErasureCommand(
                erasure=command["_id"],
                institution=command["institution"],
                member=command["member"],
                event=command["event"],
                correlation=command["correlation"],
            )
            async for command in found
        ]

    async def complete(self, forgetting: ErasureCommand) -> None:
        now = self._clock.now()

        def body(transaction: Transaction) -> None:
            if _has_pending_work(transaction, forgetting):
                return
            mine = {"_id": forgetting.erasure, **WAITS}
            done = transaction[ERASURES].update_one(
                mine, {"$set": {"waits": False, "at": now}}, session=transaction.session
            )
            if done.matched_count:
                outbox.write(transaction, [_receipt(forgetting)])

        def _receipt(command: ErasureCommand) -> OutboxEvent:
            payload = MatchingErasureCompleted(
                erasure=command.erasure, member=command.member, institution=command.institution
            )
            return OutboxEvent(
                id=derived_id(command.event, f"matching forgot {command.erasure}"),
                payload=payload,
                institution=command.institution,
                sequence=1,
                time=now,
                trace=Trace(correlation_id=command.correlation, causation_id=command.event),
            )

        await in_transaction(self._database, body)


def _has_pending_work(transaction: Transaction, forgetting: ErasureCommand) -> bool:
    """While what they left behind is not worked off, or a list of theirs still names anybody."""
    departure = transaction[DEPARTURES].find_one({"_id": forgetting.member}, {"_id": 1}, session=transaction.session)
    listed = {"institution": forgetting.institution, "mentee": forgetting.member, "entries.0": {"$exists": True}}
    return (
        departure is not None
        or transaction["lists"].find_one(listed, {"_id": 1}, session=transaction.session) is not None
    )
