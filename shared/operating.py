"""What an operator reads of a running service over HTTP, and does to its parked records: as `python -m deploy.parked`.

No key, name, header or value of a record is shown: they may be personal data. Each act is recorded in `audit`, first.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from shared.bootstrap import ServiceDependencies
from shared.consuming.parking import Parked
from shared.contracts.payload import Id
from shared.errors import Conflict, NotFound, Rejected
from shared.http import SignedIn, problems, router
from shared.principal import Principal
from shared.text import Text

_LISTED = 200
Reason = Annotated[Text, Query(max_length=500, description="Needed, and kept in the audit: do not name a person")]


class ParkedCount(BaseModel):
    consumer: str
    reason: str
    count: int


class IssuerRead(BaseModel):
    issuer: str
    audience: Sequence[str]
    institutions: Sequence[str] = Field(description="For which it may speak; `*`: all")
    may_name_operators: bool


class OperationsRead(BaseModel):
    """Of the process that answers; parked records and facts to publish are of the whole service."""

    service: str
    roles: Sequence[str] = Field(description="Of this process")
    not_ready: Mapping[str, str]
    stalled: Mapping[str, str]
    lag: Mapping[str, int] = Field(description="Records that wait, by consumer of this process")
    oldest_fact_seconds: float = Field(description="How long the oldest fact waits to be published")
    held_facts: int = Field(description="Facts that Kafka refuses, and the later ones of their keys")
    parked: Sequence[ParkedCount]
    issuers: Sequence[IssuerRead]


class ParkedRead(BaseModel):
    id: str
    consumer: str
    topic: str
    partition: int
    offset: int
    reason: str
    attempts: int
    parked_at: datetime
    retry_at: datetime | None
    has_key: bool = Field(description="Without one it blocks nothing and is not retried")
    behind: int = Field(description="Records of its key that wait for it")


class ParkedList(BaseModel):
    items: Sequence[ParkedRead] = Field(description="The first 200, in order for each key")


class ParkedRecords:
    """For operators alone."""

    def __init__(self, dependencies: ServiceDependencies) -> None:
        self._parking = dependencies.parking
        self._clock = dependencies.clock
        self._audit = dependencies.database["audit"]

    async def waiting(self, me: Principal) -> Sequence[ParkedRead]:
        me.require("operator")
        waiting = await self._parking.waiting(limit=_LISTED)
        left = Counter((parked.consumer, parked.key) for parked in waiting)
        items = []
        for parked in waiting:
            left[parked.consumer, parked.key] -= 1
            items.append(_read(parked, behind=left[parked.consumer, parked.key]))
        return items

    async def retry(self, me: Principal, id: str) -> None:
        parked = await self._first_of_key(me, id)
        if parked.key is None:
            raise Conflict("record_without_key", "it blocks no key and is not retried: the next state replaces it")
        await self._record(me, "parked retry", id=id)
        await self._parking.retry(id, now=self._clock.now())

    async def drop(self, me: Principal, id: str, *, reason: str) -> None:
        me.require("operator")
        if not reason.strip():
            raise Rejected("reason_missing", "add `reason`: it stays in the audit, the record does not")
        parked = await self._first_of_key(me, id)
        await self._record(me, "parked drop", id=id, reason=reason)
        if not await self._parking.drop(parked, now=self._clock.now()):
            raise _unknown()

    async def _first_of_key(self, me: Principal, id: str) -> Parked:
        """Raises `Conflict` for a record behind another."""
        me.require("operator")
        parked = await self._parking.find(id)
        if parked is None:
            raise _unknown()
        before, _ = await self._parking.beside(parked)
        if before is not None:
            raise Conflict("record_waits", f"it waits behind {before.id}: retry or drop that one first")
        return parked

    async def _record(self, me: Principal, what: str, **more: str) -> None:
        entry = {"_id": self._clock.new_id(), "when": self._clock.now(), "who": me.subject_hash, "what": what, **more}
        await self._audit.insert_one(entry)


def operating_router(dependencies: ServiceDependencies, ready: Callable[[], Awaitable[Mapping[str, str]]]) -> APIRouter:
    routes = router(prefix="/operations", tags=["operations"])
    records = ParkedRecords(dependencies)

    @routes.get("", responses=problems(403))
    async def see_operations(me: SignedIn) -> OperationsRead:
        """For an operator."""
        me.require("operator")
        return await _operations(dependencies, await ready())

    @routes.get("/parked", responses=problems(403))
    async def list_parked(me: SignedIn) -> ParkedList:
        """Records that could not be handled, without keys and values."""
        return ParkedList(items=await records.waiting(me))

    @routes.put("/parked/{id}/retry", status_code=204, responses=problems(403, 404, 409))
    async def retry_parked(id: Id, me: SignedIn) -> Response:
        """The service retries it within seconds, and then the records behind it."""
        await records.retry(me, id)
        return Response(status_code=204)

    @routes.delete("/parked/{id}", status_code=204, responses=problems(403, 404, 409))
    async def drop_parked(id: Id, me: SignedIn, reason: Reason = "") -> Response:
        """Discards it without effect; the records behind it are retried."""
        await records.drop(me, id, reason=reason)
        return Response(status_code=204)

    return routes


async def _operations(dependencies: ServiceDependencies, not_ready: Mapping[str, str]) -> OperationsRead:
    age, held = await dependencies.gauges.waiting()
    counts = await dependencies.parking.counts()
    return OperationsRead(
        service=dependencies.name,
        roles=sorted(dependencies.roles),
        not_ready=not_ready,
        stalled=dependencies.watchdog.stalled,
        lag=dependencies.watchdog.lags,
        oldest_fact_seconds=age,
        held_facts=held,
        parked=[ParkedCount(consumer=of, reason=why, count=count) for (of, why), count in sorted(counts.items())],
        issuers=[
            IssuerRead(
                issuer=issuer.issuer,
                audience=sorted(issuer.audience),
                institutions=sorted(issuer.institutions),
                may_name_operators=issuer.may_name_operators or issuer.development,
            )
            for issuer in dependencies.settings.issuers
        ],
    )


def _read(parked: Parked, *, behind: int) -> ParkedRead:
    return ParkedRead(
        id=parked.id,
        consumer=parked.consumer,
        topic=parked.topic,
        partition=parked.partition,
        offset=parked.offset,
        reason=parked.reason,
        attempts=parked.attempts,
        parked_at=parked.parked_at,
        retry_at=parked.retry_at,
        has_key=parked.key is not None,
        behind=behind if parked.key is not None else 0,
    )


def _unknown() -> NotFound:
    return NotFound("record_not_found", "there is no parked record with this id: it was handled, dropped or replaced")
