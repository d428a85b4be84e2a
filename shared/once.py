"""That a request took effect is written with its effect: whoever sends it again after a crash gets its first answer.

A request is known by the id that follows from its Idempotency-Key (`shared/http/idempotency.py`).
"""

from shared.mongo import Database, Writing

REQUESTS = "idempotency"


def takes_effect(writing: Writing, request: str) -> None:
    writing[REQUESTS].update_one({"_id": request}, {"$set": {"has_effect": True}}, session=writing.session)


async def took_effect(database: Database, request: str) -> bool:
    return await database[REQUESTS].find_one({"_id": request, "has_effect": True}, {"_id": 1}) is not None
