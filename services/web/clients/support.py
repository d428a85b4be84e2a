"""The API of mentorships for confidential support: requests, answers, and whom an institution lists to hear them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.web.clients.profiles import Read
from services.web.clients.transport import Service


class Choice(Read):
    """Somebody whom the mentee may choose; `mentor` is the id of their mentor."""

    id: str
    name: str
    institution: str
    role: str | None = None
    note: str = ""


class Request(Read):
    id: str
    mentorship: str
    mentee: str
    mentee_name: str
    hearer_name: str
    kind: str
    text: str
    asked_at: datetime
    read_at: tuple[datetime, ...]
    answer: str
    answered_at: datetime | None = None
    needs_another_hearer: bool
    closed_at: datetime | None = None


class AskedOfMe(Read):
    """What somebody asked the reader, without its content: reading it is recorded."""

    id: str
    asked_at: datetime
    answered_at: datetime | None = None


class Hearer(Read):
    id: str
    institution: str
    member: str
    member_institution: str
    name: str = ""
    role: str
    note: str
    has_accepted: bool


@dataclass(frozen=True, slots=True)
class Support:
    service: Service

    async def choices(self, mentorship: str) -> Sequence[Choice]:
        found = (await self.service.get(f"/mentorships/{mentorship}/hearers")).body["items"]
        return [Choice.model_validate(choice) for choice in found]

    async def ask(self, mentorship: str, *, hearer: str, kind: str, text: str, idempotency_key: str) -> Request:
        body = {"hearer": hearer, "kind": kind, "text": text}
        return Request.model_validate(
            (await self.service.post(f"/mentorships/{mentorship}/support", body, idempotency_key=idempotency_key)).body
        )

    async def mine(self) -> Sequence[Request]:
        """The newest first."""
        return [Request.model_validate(each) for each in (await self.service.get("/me/support")).body["items"]]

    async def asked_of_me(self) -> Sequence[AskedOfMe]:
        """The newest first."""
        return [AskedOfMe.model_validate(each) for each in (await self.service.get("/me/asked")).body["items"]]

    async def request(self, id: str) -> Request:
        """Where the reader is the person who was chosen, the mentee sees that it was read."""
        return Request.model_validate((await self.service.get(f"/support/{id}")).body)

    async def answer(self, id: str, text: str) -> None:
        await self.service.put(f"/support/{id}/answer", {"text": text})

    async def close(self, id: str, *, idempotency_key: str) -> None:
        """Deletes what both wrote."""
        await self.service.post(f"/support/{id}/close", idempotency_key=idempotency_key)

    async def my_entries(self) -> Sequence[Hearer]:
        """The lists on which the reader is."""
        return [Hearer.model_validate(each) for each in (await self.service.get("/me/hearers")).body["items"]]

    async def accept_entry(self, id: str, *, idempotency_key: str) -> None:
        await self.service.post(f"/hearers/{id}/accept", idempotency_key=idempotency_key)

    async def remove_entry(self, id: str) -> None:
        await self.service.delete(f"/hearers/{id}")

    async def hearers(self) -> Sequence[Hearer]:
        """The list of the reader's institution, for a coordinator of it."""
        return [Hearer.model_validate(each) for each in (await self.service.get("/institution/hearers")).body["items"]]

    async def add_hearer(self, *, member: str, role: str, note: str, idempotency_key: str) -> None:
        body = {"member": member, "role": role, "note": note}
        await self.service.post("/institution/hearers", body, idempotency_key=idempotency_key)
