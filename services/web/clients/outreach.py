"""The API of mentorships for outreach visits: the reader's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.web.clients.profiles import Read
from services.web.clients.transport import Service


class Item(Read):
    text: str
    """In the visitor's words, or a code."""
    is_done: bool


class Visit(Read):
    id: str
    state: str
    starts_at: datetime
    ends_at: datetime
    minutes: int
    school: str
    contact: str
    kit: str
    checklist: tuple[Item, ...]
    pupils: int | None = None
    note: str
    possible: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outreach:
    service: Service

    async def mine(self) -> Sequence[Visit]:
        """The latest visit first."""
        found = (await self.service.get("/me/outreach-visits")).body["items"]
        return [Visit.model_validate(visit) for visit in found]

    async def visit(self, id: str) -> tuple[Visit, str]:
        """With its ETag."""
        answer = await self.service.get(f"/outreach-visits/{id}")
        return Visit.model_validate(answer.body), answer.etag

    async def plan(self, plan: Mapping[str, Any], *, idempotency_key: str) -> Visit:
        return Visit.model_validate(
            (await self.service.post("/me/outreach-visits", dict(plan), idempotency_key=idempotency_key)).body
        )

    async def change(self, id: str, plan: Mapping[str, Any], *, etag: str) -> None:
        await self.service.put(f"/outreach-visits/{id}", dict(plan), etag=etag)

    async def tick(self, id: str, items: Sequence[Item], *, etag: str) -> None:
        """Replaces the checklist."""
        body = {"items": [item.model_dump() for item in items]}
        await self.service.put(f"/outreach-visits/{id}/checklist", body, etag=etag)

    async def cancel(self, id: str, *, etag: str, idempotency_key: str) -> None:
        await self.service.post(f"/outreach-visits/{id}/cancel", etag=etag, idempotency_key=idempotency_key)

    async def hold(self, id: str, *, pupils: int, note: str, idempotency_key: str) -> None:
        await self.service.post(
            f"/outreach-visits/{id}/held", {"pupils": pupils, "note": note}, idempotency_key=idempotency_key
        )

    async def write_note(self, id: str, note: str, *, etag: str) -> None:
        await self.service.put(f"/outreach-visits/{id}/note", {"note": note}, etag=etag)
