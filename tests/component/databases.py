"""Databases for component tests, used again: to prepare one (some forty collections, twice as many indexes) costs more
than most tests. What a test leaves is deleted before the next one takes the database.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared import mongo
from shared.clock import SystemClock
from shared.mongo import Database

_free: defaultdict[tuple[str, str], list[str]] = defaultdict(list)


@asynccontextmanager
async def lent(uri: str, service: str) -> AsyncIterator[str]:
    """The name of an empty database, whose collections and indexes may be there already."""
    free = _free[uri, service]
    name = free.pop() if free else f"{service}_{SystemClock().new_id()}"
    yield name
    database = mongo.connect(uri, name)
    await empty(database)
    database.client.close()
    free.append(name)


async def empty(database: Database) -> None:
    """Collections and their indexes stay."""
    names = await database.list_collection_names()
    if "system.profile" in names:  # a test that measured its queries
        await database.command("profile", 0)
        await database.drop_collection("system.profile")
        names.remove("system.profile")
    await asyncio.gather(*(database[name].delete_many({}) for name in names))
