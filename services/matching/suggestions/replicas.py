"""The processes that run the list worker, by heartbeats with the database's clock."""

from shared.mongo import ASCENDING, Database, IndexModel, ensure_indexes

_ALIVE_MILLISECONDS = 6_000
_FORGOTTEN_SECONDS = 60


class Replicas:
    def __init__(self, database: Database, *, holder: str) -> None:
        self._replicas = database["replicas"]
        self._holder = holder

    async def prepare(self) -> None:
        forgotten = IndexModel([("at", ASCENDING)], name="forgotten", expireAfterSeconds=_FORGOTTEN_SECONDS)
        await ensure_indexes(self._replicas, [forgotten])

    async def beat(self) -> int:
        """Records a heartbeat of this process; returns how many processes are alive."""
        await self._replicas.update_one({"_id": self._holder}, [{"$set": {"at": "$$NOW"}}], upsert=True)
        since = {"$subtract": ["$$NOW", _ALIVE_MILLISECONDS]}
        return await self._replicas.count_documents({"$expr": {"$gt": ["$at", since]}})

    async def leave(self) -> None:
        await self._replicas.delete_one({"_id": self._holder})
