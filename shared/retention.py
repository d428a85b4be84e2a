"""Deletes documents by age with a TTL index, which may be minutes late: no decision depends on it."""

from datetime import timedelta

from shared.mongo import ASCENDING, Collection, IndexModel, ensure_indexes


async def keep_for(collection: Collection, field: str, kept: timedelta) -> None:
    """Deletes documents `kept` after the moment in `field`; documents without it stay. Updates an existing index."""
    name, seconds = f"kept_by_{field}", int(kept.total_seconds())
    index = IndexModel([(field, ASCENDING)], name=name, expireAfterSeconds=seconds)
    await ensure_indexes(collection, [])
    known = (await collection.index_information()).get(name)
    if known is None:
        await ensure_indexes(collection, [index])
    elif known["expireAfterSeconds"] != seconds:
        changed = {"name": name, "expireAfterSeconds": seconds}
        await collection.database.command("collMod", collection.name, index=changed)
