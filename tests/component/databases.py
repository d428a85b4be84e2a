"""Databases for component tests, used again: to prepare one (some forty collections, twice as many indexes) costs more
than most tests. What a test leaves is deleted before the next one takes the database.
"""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared import mongo
from shared.clock import SystemClock

_free: defaultdict[tuple[str, str], list[str]] = defaultdict(list)


@asynccontextmanager
async def lent(uri: str, service: str) -> AsyncIterator[str]:
    """The name of an empty database, whose collections and indexes may be there already."""
    free = _free[uri, service]
    name = free.pop() if free else f"{service}_{SystemClock().new_id()}"
    yield name
    await _empty(uri, name)
    free.append(name)


async def _empty(uri: str, name: str) -> None:
    database = mongo.connect(uri, name)
    for collection in await database.list_collection_names():
        if collection.startswith("system."):  # what the profiler wrote
            await database.drop_collection(collection)
        else:
            await database[collection].delete_many({})
    database.client.close()
