"""Leases: one holder at a time by the database's clock, with a fencing token that rises when the holder changes.

`is_held` reads only this process's monotonic clock, and ends a margin before the lease does in the database: a process
that is suspended and resumed after its lease has ended sees this before it acts.
"""

from shared import failpoints
from shared.clock import Clock
from shared.mongo import Collection, Database, Document, DuplicateKeyError, ReturnDocument

_MARGIN_SECONDS = 1.0


class Lease:
    def __init__(self, database: Database, name: str, *, holder: str, clock: Clock, seconds: float = 6) -> None:
        self._leases: Collection = database["leases"]
        self._clock = clock
        self._held_until = 0.0
        self.name = name
        self.holder = holder
        self.seconds = seconds
        self.token = 0

    @property
    def is_held(self) -> bool:
        return self._clock.monotonic() < self._held_until

    async def take(self) -> bool:
        """Takes a free or expired lease, or renews the own lease; false while another process holds it."""
        asked = self._clock.monotonic()
        try:
            lease = await self._leases.find_one_and_update(
                {"_id": self.name}, [{"$set": self._if_free()}], upsert=True, return_document=ReturnDocument.AFTER
            )
        except DuplicateKeyError:  # another process made the first upsert concurrently
            return False
        if lease["holder"] != self.holder:
            self._held_until = 0.0
            return False
        if self.token != lease["token"]:
            failpoints.reach("lease-expired")
        self.token = int(lease["token"])
        self._held_until = asked + self.seconds - _MARGIN_SECONDS
        return True

    def _if_free(self) -> Document:
        """The new fields where the lease is ours, expired or new (a missing date sorts first); else the old ones."""
        ours = {"$eq": ["$holder", self.holder]}
        free = {"$or": [ours, {"$lt": ["$until", "$$NOW"]}]}
        taken = {
            "holder": self.holder,
            "token": {"$cond": [ours, "$token", {"$add": [{"$ifNull": ["$token", 0]}, 1]}]},
            "until": {"$add": ["$$NOW", int(self.seconds * 1000)]},
        }
        return {name: {"$cond": [free, value, f"${name}"]} for name, value in taken.items()}

    async def release(self) -> None:
        """Frees the lease immediately; a lease of another holder is unchanged."""
        self._held_until = 0.0
        await self._leases.update_one(
            {"_id": self.name, "holder": self.holder}, [{"$set": {"until": {"$subtract": ["$$NOW", 1]}, "holder": ""}}]
        )
