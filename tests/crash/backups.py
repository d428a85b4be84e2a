"""Backs up and restores a service's database."""

from collections.abc import Mapping, Sequence

from shared.mongo import Database, Document

Backup = Mapping[str, Sequence[Document]]


async def take(database: Database) -> Backup:
    """Reads all collections at one cluster time, like a snapshot of the volume, while the service runs."""
    names = await database.list_collection_names()
    async with await database.client.start_session(snapshot=True) as session:
        return {name: await database[name].find({}, session=session).to_list(None) for name in names}


async def put_back(database: Database, backup: Backup) -> None:
    for name in await database.list_collection_names():
        await database[name].delete_many({})
        if documents := backup.get(name):
            await database[name].insert_many(documents)
