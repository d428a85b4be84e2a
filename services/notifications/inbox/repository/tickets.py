"""Documents ↔ tickets for live streams."""

from services.notifications.inbox.usecases.tickets import Ticket
from shared.mongo import ASCENDING, Database, IndexModel, Transaction, ensure_indexes, in_transaction

TICKETS = "stream_tickets"


class MongoTicketRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self) -> None:
        expired = IndexModel([("expires_at", ASCENDING)], name="expired", expireAfterSeconds=0)
        await ensure_indexes(self._database[TICKETS], [expired])

    async def add(self, ticket: Ticket) -> None:
        document = {
            "_id": ticket.code_hash,
            "institution": ticket.institution,
            "subject_hash": ticket.subject_hash,
            "token_expires": ticket.token_expires,
            "expires_at": ticket.expires_at,
        }

        def body(transaction: Transaction) -> None:
            transaction[TICKETS].insert_one(document, session=transaction.session)

        await in_transaction(self._database, body)

    async def take(self, code_hash: str) -> Ticket | None:
        found = await self._database[TICKETS].find_one_and_delete({"_id": code_hash})
        return None if found is None else Ticket(code_hash=found.pop("_id"), **found)
