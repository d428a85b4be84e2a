"""A service's whole database as it was at one moment, and put back."""

from collections.abc import Mapping, Sequence

from shared.mongo import Database, Document

Backup = Mapping[str, Sequence[Document]]


async def take(database: Database) -> Backup:
    """While the service goes on: all collections at one cluster time, as a snapshot of the volume has them."""
    names = await database.list_collection_names()
    async with await database.client.start_session(snapshot=True) as session:
        return {name: await database[name].find({}, session=session).to_list(None) for name in names}


async def put_back(database: Database, backup: Backup) -> None:
    for name in await database.list_collection_names():
        await database[name].delete_many({})
        if documents := backup.get(name):
            await database[name].insert_many(documents)
