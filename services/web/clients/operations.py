"""What each service answers an operator about itself, the same for all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.web.clients.profiles import Read
from services.web.clients.transport import Service


class ParkedCount(Read):
    consumer: str
    reason: str
    count: int


class Issuer(Read):
    issuer: str
    audience: tuple[str, ...]
    institutions: tuple[str, ...]
    may_name_operators: bool


class Overview(Read):
    service: str
    not_ready: Mapping[str, str]
    stalled: Mapping[str, str]
    lag: Mapping[str, int]
    oldest_fact_seconds: float
    held_facts: int
    parked: tuple[ParkedCount, ...]
    issuers: tuple[Issuer, ...]

    @property
    def parked_count(self) -> int:
        return sum(each.count for each in self.parked)

    @property
    def is_well(self) -> bool:
        return not (self.not_ready or self.stalled or self.held_facts)


class Parked(Read):
    id: str
    consumer: str
    topic: str
    partition: int
    offset: int
    reason: str
    attempts: int
    parked_at: datetime
    retry_at: datetime | None
    has_key: bool
    behind: int


@dataclass(frozen=True, slots=True)
class Operations:
    service: Service

    async def overview(self) -> Overview:
        return Overview.model_validate((await self.service.get("/operations")).body)

    async def parked(self) -> Sequence[Parked]:
        found = (await self.service.get("/operations/parked")).body["items"]
        return [Parked.model_validate(each) for each in found]

    async def retry(self, id: str) -> None:
        await self.service.put(f"/operations/parked/{id}/retry")

    async def drop(self, id: str, *, reason: str) -> None:
        await self.service.delete(f"/operations/parked/{id}", reason=reason)
