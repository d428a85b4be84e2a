"""A transaction has its whole effect or none, also when its caller is cancelled."""

import asyncio
from contextlib import suppress

from shared.mongo import Database, PyMongoError, Transaction, ensure_indexes, in_transaction
from tests.component.conftest import Plumbing


async def test_a_cancelled_transaction_leaves_no_mark_without_its_effect(plumbing: Plumbing) -> None:
    """Cancelled at every moment, with the driver's threads busy, as when one key of a batch meets an outage."""
    database = plumbing.database
    for name in ("marks", "effects"):
        await ensure_indexes(database[name], [])

    async def act(n: int) -> None:
        def body(transaction: Transaction) -> None:
            transaction["marks"].insert_one({"_id": n}, session=transaction.session)
            transaction["effects"].insert_one({"_id": n}, session=transaction.session)

        await in_transaction(database, body)

    for round_ in range(30):
        tasks = [asyncio.create_task(act(round_ * 100 + n)) for n in range(24)]
        await asyncio.sleep(round_ * 0.001)
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task

    marks = {mark["_id"] async for mark in database["marks"].find()}
    effects = {effect["_id"] async for effect in database["effects"].find()}
    assert marks == effects


async def test_a_transaction_of_a_killed_process_locks_a_document_for_seconds_only(
    database: Database,
) -> None:
    await database["counters"].insert_one({"_id": "one", "n": 0})
    async with await database.client.start_session() as abandoned:
        abandoned.start_transaction()
        await database["counters"].update_one({"_id": "one"}, {"$inc": {"n": 10}}, session=abandoned)

        def raised(transaction: Transaction) -> None:
            transaction["counters"].update_one({"_id": "one"}, {"$inc": {"n": 1}}, session=transaction.session)

        await in_transaction(database, raised, seconds=15)

        assert await database["counters"].find_one({}) == {"_id": "one", "n": 1}
        with suppress(PyMongoError):
            await abandoned.abort_transaction()
