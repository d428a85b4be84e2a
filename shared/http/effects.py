"""Records that a request took effect, in the transaction of the effect (`mongo.ending_transactions_with`).

A request's id is derived from its Idempotency-Key (`shared/http/idempotency.py`). The client repeats the request where
the process was killed before the answer. Only the transactions of a single attempt commit: a later attempt that would
change something too gets `AnswerLost`.
"""

from shared.errors import Conflict
from shared.mongo import Database, Record, Transaction

REQUESTS = "idempotency"
ANSWER_LOST = (
    "answered_once",
    "this request took effect and its answer is not kept: read what it changed, or ask again with a new key",
)


class AnswerLost(Conflict):
    def __init__(self) -> None:
        super().__init__(*ANSWER_LOST)


def record_effect(request: str, *, attempt: str) -> Record:
    """Marks the request as done by this attempt. Raises `AnswerLost` inside the transaction if another attempt was."""

    def record(transaction: Transaction) -> None:
        undone_or_own = {"_id": request, "$or": [{"has_effect": None}, {"effect_of": attempt}]}
        effect = {"$set": {"has_effect": True, "effect_of": attempt}}
        if not transaction[REQUESTS].update_one(undone_or_own, effect, session=transaction.session).matched_count:
            raise AnswerLost

    return record


async def took_effect(database: Database, request: str) -> bool:
    return await database[REQUESTS].find_one({"_id": request, "has_effect": True}, {"_id": 1}) is not None
