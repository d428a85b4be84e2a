"""The API of mentorships for flash slots: offered by mentors, booked by mentees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.web.clients.mentorships import Person
from services.web.clients.profiles import Read
from services.web.clients.transport import Service


class Feedback(Read):
    useful: int
    text: str


class Slot(Read):
    id: str
    programme: str
    state: str
    starts_at: datetime
    ends_at: datetime
    minutes: int
    mentor: Person
    """Without a name for readers of other institutions while the slot is open."""
    topic: str
    mentee: Person | None = None
    link: str | None = None
    question: str | None = None
    feedback: Feedback | None = None
    side: str | None = None
    """The reader's; None where they could book it."""
    possible: tuple[str, ...]

    @property
    def other(self) -> Person | None:
        """The other person for the two; the mentor for everybody else."""
        return self.mentee if self.side == "mentor" else self.mentor

    @property
    def is_to_record(self) -> bool:
        """Whether nobody has said yet if the conversation was held."""
        return "hold" in self.possible and self.state in {"booked", "unknown"}


@dataclass(frozen=True, slots=True)
class Flash:
    service: Service

    async def offer(self, programme: str, window: Mapping[str, Any], *, idempotency_key: str) -> Sequence[Slot]:
        return _slots(
            await self.service.post(
                f"/programmes/{programme}/flash-slots", dict(window), idempotency_key=idempotency_key
            )
        )

    async def open_slots(self, programme: str) -> Sequence[Slot]:
        """Those that the reader can book, by time."""
        return _slots(await self.service.get(f"/programmes/{programme}/flash-slots"))

    async def mine(self) -> Sequence[Slot]:
        """Those that the reader offered or booked, by time."""
        return _slots(await self.service.get("/me/flash-slots"))

    async def slot(self, id: str) -> Slot:
        return Slot.model_validate((await self.service.get(f"/flash-slots/{id}")).body)

    async def book(self, id: str, question: str, *, idempotency_key: str) -> None:
        await self.service.post(f"/flash-slots/{id}/book", {"question": question}, idempotency_key=idempotency_key)

    async def cancel(self, id: str, *, idempotency_key: str) -> None:
        await self.service.post(f"/flash-slots/{id}/cancel", idempotency_key=idempotency_key)

    async def record(self, id: str, outcome: str, *, idempotency_key: str) -> None:
        """`outcome`: held or missed."""
        await self.service.post(f"/flash-slots/{id}/outcome/{outcome}", idempotency_key=idempotency_key)

    async def give_feedback(self, id: str, *, useful: int, text: str) -> None:
        await self.service.put(f"/flash-slots/{id}/feedback", {"useful": useful, "text": text})


def _slots(answer: Any) -> Sequence[Slot]:
    return [Slot.model_validate(slot) for slot in answer.body["items"]]
