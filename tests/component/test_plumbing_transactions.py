"""A transaction is whole or not at all, also when whoever waits for it is cancelled."""

import asyncio
from contextlib import suppress

from shared.mongo import Database, PyMongoError, Session, ensure_indexes, in_transaction
from tests.component.conftest import Plumbing


async def test_a_cancelled_transaction_leaves_no_mark_without_its_effect(plumbing: Plumbing) -> None:
    """Cancelled at every moment, with the driver's threads busy, as when one key of a batch meets an outage."""
    database = plumbing.database
    for name in ("marks", "effects"):
        await ensure_indexes(database[name], [])

    async def act(n: int) -> None:
        async def body(session: Session) -> None:
            await database["marks"].insert_one({"_id": n}, session=session)
            await database["effects"].insert_one({"_id": n}, session=session)

        await in_transaction(database, body)

    for round_ in range(30):
        tasks = [asyncio.create_task(act(round_ * 100 + n)) for n in range(24)]
        await asyncio.sleep(round_ * 0.001)
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task

    marks = {one["_id"] async for one in database["marks"].find()}
    effects = {one["_id"] async for one in database["effects"].find()}
    assert marks == effects


async def test_what_a_killed_process_left_open_holds_a_document_up_for_seconds_and_not_a_minute(
    database: Database,
) -> None:
    await database["counters"].insert_one({"_id": "one", "n": 0})
    async with await database.client.start_session() as abandoned:
        abandoned.start_transaction()
        await database["counters"].update_one({"_id": "one"}, {"$inc": {"n": 10}}, session=abandoned)

        async def raised(session: Session) -> None:
            await database["counters"].update_one({"_id": "one"}, {"$inc": {"n": 1}}, session=session)

        await in_transaction(database, raised, seconds=15)

        assert await database["counters"].find_one({}) == {"_id": "one", "n": 1}
        with suppress(PyMongoError):
            await abandoned.abort_transaction()
