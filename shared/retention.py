"""Documents that go by age. A TTL index cleans up and decides nothing: it may be minutes late."""

from datetime import timedelta

from shared.mongo import ASCENDING, Collection, IndexModel, ensure_indexes


async def keep_for(collection: Collection, field: str, kept: timedelta) -> None:
    """From the moment in `field`; a document without one stays. An index that is there learns another age."""
    name, seconds = f"kept_by_{field}", int(kept.total_seconds())
    index = IndexModel([(field, ASCENDING)], name=name, expireAfterSeconds=seconds)
    await ensure_indexes(collection, [])
    known = (await collection.index_information()).get(name)
    if known is None:
        await ensure_indexes(collection, [index])
    elif known["expireAfterSeconds"] != seconds:
        changed = {"name": name, "expireAfterSeconds": seconds}
        await collection.database.command("collMod", collection.name, index=changed)
