"""Flash slots over HTTP: a mentor offers short conversations, and members of admitted institutions book them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from services.mentorships.flash.domain import LEAST_MINUTES, MOST_MINUTES, Outcome, Possible, State, Window, possible
from services.mentorships.flash.usecases import FlashSlots, Offer, Seen
from services.mentorships.kernel.pairs import Party, Side
from services.mentorships.meetings.api.bodies import Link, LocalTime
from services.mentorships.meetings.domain.zones import current_zone, gap_error, instant
from shared.contracts.payload import Id
from shared.errors import FieldError, Rejected
from shared.http import IdempotencyKey, NewId, SignedIn, Traced, problems, router
from shared.text import Line, Text


class NewSlots(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "starts": "2027-01-08T15:00",
                "ends": "2027-01-08T17:00",
                "zone": "Europe/Berlin",
                "minutes": 30,
                "topic": "Your first abstract",
            }
        },
    )

    starts: LocalTime = Field(description="Of the window, as clocks show it in `zone`")
    ends: LocalTime = Field(description="A rest that is too short for a slot stays free")
    zone: str = Field(max_length=64, description="IANA time zone")
    minutes: int = Field(ge=LEAST_MINUTES, le=MOST_MINUTES, description="Of each slot")
    topic: Annotated[Line, Field(max_length=200)] = ""
    link: Link | None = Field(default=None, description="Of a call; shown to who has booked")

    def window(self) -> Window:
        """Raises `Rejected`."""
        zone = current_zone(self.zone)
        if zone is None:
            raise _refused(FieldError("zone", "must be the name of a time zone like Europe/Berlin"))
        for name, local in (("starts", self.starts), ("ends", self.ends)):
            if error := gap_error(name, local, zone):
                raise _refused(error)
        starts, ends = (local.replace(second=0, microsecond=0) for local in (self.starts, self.ends))
        return Window(begins_at=instant(starts, zone), ends_at=instant(ends, zone), minutes=self.minutes)


class Booking(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"question": "How do I choose a journal?"}})

    question: Annotated[Text, Field(max_length=1_000)] = Field(
        default="", description="What you would like to talk about; the mentor reads it"
    )


class FeedbackBody(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"useful": 5, "text": "Very clear, thanks."}}
    )

    useful: int = Field(ge=1, le=5, description="From 1, not at all, to 5, very")
    text: Annotated[Text, Field(max_length=1_000)] = Field(default="", description="The mentor reads it")


class PersonRead(BaseModel):
    member: str
    institution: str
    name: str | None = Field(default=None, description="Across institutions for the two people only")


class SlotRead(BaseModel):
    id: str
    programme: str
    state: State
    starts_at: datetime
    ends_at: datetime
    minutes: int
    mentor: PersonRead
    topic: str
    mentee: PersonRead | None = Field(default=None, description="For the two people only, as what follows")
    link: str | None = None
    question: str | None = None
    feedback: FeedbackBody | None = None
    side: Side | None = Field(default=None, description="Yours; absent where you could book it")
    possible: list[Possible] = Field(description="What you can do")


class SlotList(BaseModel):
    items: Sequence[SlotRead]


def offers_router(slots: FlashSlots) -> APIRouter:
    routes = router(tags=["flash"])

    @routes.post(
        "/programmes/{programme}/flash-slots",
        status_code=201,
        response_model_exclude_none=True,
        responses=problems(403, 404, 409, 422),
    )
    async def offer_slots(
        programme: Id, body: NewSlots, me: SignedIn, new_id: NewId, trace: Traced, _key: IdempotencyKey = None
    ) -> SlotList:
        """For mentors of the programme: divides a window of their time into slots, which others can book."""
        link = str(body.link) if body.link else ""
        offer = Offer(programme=programme, window=body.window(), topic=body.topic, link=link)
        return _list(await slots.offer(me, offer, id=new_id, trace=trace))

    @routes.get("/programmes/{programme}/flash-slots", response_model_exclude_none=True, responses=problems(404))
    async def open_slots(programme: Id, me: SignedIn) -> SlotList:
        """The next 200 that can be booked, by time."""
        return _list(await slots.open_slots(me, programme))

    @routes.get("/me/flash-slots", response_model_exclude_none=True, responses=problems(404))
    async def my_slots(me: SignedIn, response: Response) -> SlotList:
        """Those that I offered or booked in the last half year, and later ones: 200, by time."""
        response.headers["cache-control"] = "no-store"
        return _list(await slots.mine(me))

    return routes


def bookings_router(slots: FlashSlots) -> APIRouter:
    routes = router(tags=["flash"])
    refusals = problems(403, 404, 409)

    @routes.get("/flash-slots/{slot}", response_model_exclude_none=True, responses=problems(404))
    async def see_slot(slot: Id, me: SignedIn, response: Response) -> SlotRead:
        response.headers["cache-control"] = "no-store"
        return slot_read(await slots.see(me, slot))

    @routes.post("/flash-slots/{slot}/book", response_model_exclude_none=True, responses=refusals)
    async def book_slot(slot: Id, body: Booking, me: SignedIn, trace: Traced, _key: IdempotencyKey = None) -> SlotRead:
        """The first one gets it; everybody else reads `slot_taken`."""
        return slot_read(await slots.book(me, slot, question=body.question, trace=trace))

    @routes.post("/flash-slots/{slot}/cancel", response_model_exclude_none=True, responses=problems(404, 409))
    async def cancel_slot(slot: Id, me: SignedIn, trace: Traced, _key: IdempotencyKey = None) -> SlotRead:
        """Before it begins: a mentee leaves it open for others, a mentor withdraws it."""
        return slot_read(await slots.cancel(me, slot, trace))

    @routes.post(
        "/flash-slots/{slot}/outcome/{outcome}", response_model_exclude_none=True, responses=problems(404, 409)
    )
    async def record_slot(
        slot: Id, outcome: Outcome, me: SignedIn, trace: Traced, _key: IdempotencyKey = None
    ) -> SlotRead:
        """By either, from the start on. `held` corrects `missed`, not the other way round."""
        return slot_read(await slots.record(me, slot, outcome, trace))

    @routes.put("/flash-slots/{slot}/feedback", response_model_exclude_none=True, responses=refusals)
    async def give_feedback(slot: Id, body: FeedbackBody, me: SignedIn, trace: Traced) -> SlotRead:
        """By the mentee, of a conversation that was held. Another one replaces it."""
        return slot_read(await slots.give_feedback(me, slot, useful=body.useful, text=body.text, trace=trace))

    return routes


def slot_read(seen: Seen) -> SlotRead:
    slot, is_party = seen.slot, seen.side is not None
    feedback = slot.feedback
    return SlotRead(
        id=slot.id,
        programme=slot.programme,
        state=slot.state,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        minutes=slot.minutes,
        mentor=_person(seen, slot.mentor),
        topic=slot.topic,
        mentee=_person(seen, slot.mentee) if is_party and slot.mentee else None,
        link=slot.link if is_party else None,
        question=slot.question if is_party else None,
        feedback=FeedbackBody(useful=feedback.useful, text=feedback.text) if is_party and feedback else None,
        side=seen.side,
        possible=list(possible(slot, seen.side, now=seen.now)),
    )


def _list(found: Sequence[Seen]) -> SlotList:
    return SlotList(items=[slot_read(seen) for seen in found])


def _person(seen: Seen, party: Party) -> PersonRead:
    return PersonRead(member=party.member, institution=party.institution, name=seen.name_of(party))


def _refused(error: FieldError) -> Rejected:
    return Rejected("flash_window_invalid", "these slots cannot be offered: see errors", (error,))
