"""Rounds over HTTP, for coordinators of the institution that owns the programme; and each mentee's own place."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from services.matching.api.cursors import before, following, last_seen
from services.matching.api.requests import PartyRead, party
from services.matching.api.suggestions import line
from services.matching.domain.rounds.files import Compared, Target
from services.matching.domain.rounds.life import File, Round, RoundState
from services.matching.domain.rounds.orders import Choice, Orders
from services.matching.domain.rounds.places import Place, PlaceState
from services.matching.domain.rounds.words import would_change
from services.matching.usecases.rounds import Kind, Opened, Rounds, Waiting
from shared.auth import Principal
from shared.contracts.payload import Id
from shared.http import (
    ExpectedVersion,
    IdempotencyKey,
    Limit,
    NewId,
    Page,
    SignedIn,
    Traced,
    etag,
    problems,
    router,
    to_cursor,
)

_MAX_BODY_BYTES = 4 << 20
_COLUMNS = ("position", "mentee", "institution", "state", "reason", "waiting_since", "would_change")


class Given(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MenteesWishes(Given):
    mentee: Id
    mentors: list[Id] = Field(min_length=1, max_length=20, description="The first choice first")


class MentorsWishes(Given):
    mentor: Id
    mentees: list[Id] = Field(min_length=1, max_length=1000, description="The first choice first")


class Couple(Given):
    mentee: Id
    mentor: Id


class NewRound(Given):
    target: Target = Field(default="fit", description="The result has the figures of both")
    list_length: int = Field(default=20, ge=1, le=20, description="Stability is claimed for lists of this length")
    score_band: int = Field(
        default=0, ge=0, le=1_000_000, description="Mentors tell scores apart only where they differ by this much"
    )
    wishes: list[MenteesWishes] = []
    mentor_wishes: list[MentorsWishes] = []
    pins: list[Couple] = Field(default=[], description="Pairs to fix: no rule may forbid them")
    exclusions: list[Couple] = Field(default=[], description="Pairs to keep apart in this round")


class ChosenTarget(Given):
    target: Target


class FileRead(BaseModel):
    bytes: int
    sha256: str


class TroubleRead(BaseModel):
    code: str
    detail: str
    errors: list[dict[str, str]]


class RoundRead(BaseModel):
    """`figures` has both targets side by side; `policy_sha256`, `solver` and the files' hashes are the ledger."""

    id: str
    programme: str
    target: Target
    state: RoundState
    list_length: int
    score_band: int
    opened_at: datetime
    frozen_at: datetime | None = None
    published_at: datetime | None = None
    mentees: int | None = None
    mentors: int | None = None
    places: Mapping[PlaceState, int] | None = Field(default=None, description="How many, by state")
    figures: Compared | None = None
    policy_sha256: str | None = None
    solver: str | None = None
    input: FileRead | None = None
    result: FileRead | None = None
    trouble: TroubleRead | None = Field(default=None, description="Why it was dropped by itself")


class OpeningRead(BaseModel):
    mentor: PartyRead
    seats: int = Field(description="With so many more seats there it is another outcome: see docs/rounds.md")


class PlaceRead(BaseModel):
    place: str
    mentee: PartyRead
    mentor: PartyRead | None = None
    choice: int | None = Field(default=None, description="1 for a first choice")
    pinned: bool
    state: PlaceState
    reason: str | None = None
    relationship: str | None = None


class WaitingRead(BaseModel):
    position: int
    mentee: PartyRead
    state: PlaceState
    reason: str
    waiting_since: datetime
    would_change: str = Field(description="In words, to the mentee")
    opens: list[OpeningRead]


class OwnPlaceRead(BaseModel):
    """`state` is `opened` (I have a mentor), `lapsed` or `unmatched`."""

    round: str
    programme: str
    state: PlaceState
    reason: str | None = None
    relationship: str | None = None
    position: int | None = Field(default=None, description="On the waiting list, while I wait")
    waiting_since: datetime | None = None
    would_change: str | None = None


def rounds_router(rounds: Rounds) -> APIRouter:
    routes = router(tags=["rounds"], max_body_bytes=_MAX_BODY_BYTES)

    @routes.post(
        "/programmes/{programme}/rounds",
        status_code=201,
        response_model_exclude_none=True,
        responses=problems(404, 409),
    )
    async def open_round(
        programme: Id,
        body: NewRound,
        me: SignedIn,
        id: NewId,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> RoundRead:
        """Freezes who can take part and solves it, in the background. Wishes that a rule forbids are passed over."""
        opened = Opened(
            id=id,
            programme=programme,
            target=body.target,
            list_length=body.list_length,
            score_band=body.score_band,
            orders=_orders(body),
        )
        response.headers["location"] = f"/rounds/{id}"
        return _tagged(response, await rounds.open(me, opened, trace))

    @routes.get("/programmes/{programme}/rounds", response_model_exclude_none=True, responses=problems(404))
    async def list_rounds(
        programme: Id, me: SignedIn, *, cursor: str | None = None, limit: Limit = 50
    ) -> Page[RoundRead]:
        """The newest first."""
        page = await rounds.of_programme(me, programme, before=before(cursor), limit=limit)
        return Page(items=[_read(one) for one in page], next=following(page, limit))

    @routes.get("/rounds/{round}", response_model_exclude_none=True, responses=problems(404))
    async def see_round(round: Id, me: SignedIn, response: Response) -> RoundRead:
        seen = await rounds.see(me, round)
        response.headers["etag"] = etag(seen.version)
        return _read(seen, places=await rounds.counts(seen))

    _act(routes, rounds)
    _files(routes, rounds)
    _places(routes, rounds)
    return routes


def _act(routes: APIRouter, rounds: Rounds) -> None:
    refusals = problems(404, 409, 412, 428)

    @routes.post("/rounds/{round}/target", response_model_exclude_none=True, responses=refusals)
    async def choose_target(
        round: Id,
        body: ChosenTarget,
        me: SignedIn,
        expected: ExpectedVersion,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> RoundRead:
        """The same frozen people, solved for this target instead."""
        return _tagged(response, await rounds.choose(me, round, target=body.target, expected=expected, trace=trace))

    @routes.post("/rounds/{round}/publish", response_model_exclude_none=True, responses=refusals)
    async def publish_round(
        round: Id,
        me: SignedIn,
        expected: ExpectedVersion,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> RoundRead:
        """Pairs become relationships, one after another: `places` counts along."""
        return _tagged(response, await rounds.publish(me, round, expected=expected, trace=trace))

    @routes.post("/rounds/{round}/drop", response_model_exclude_none=True, responses=refusals)
    async def drop_round(
        round: Id, me: SignedIn, expected: ExpectedVersion, response: Response, _key: IdempotencyKey = None
    ) -> RoundRead:
        """Before it is published. Nobody hears of it."""
        return _tagged(response, await rounds.drop(me, round, expected=expected))


def _files(routes: APIRouter, rounds: Rounds) -> None:
    as_json: dict[int | str, dict[str, Any]] = {
        200: {"content": {"application/json": {"schema": {"type": "object"}}}},
        **problems(404, 409),
    }

    @routes.get("/rounds/{round}/input", response_class=StreamingResponse, responses=as_json)
    async def get_input(round: Id, me: SignedIn) -> Response:
        """What was solved: `./dev verify input.json result.json` checks the one against the other."""
        return await _download(rounds, me, round, "input")

    @routes.get("/rounds/{round}/result", response_class=StreamingResponse, responses=as_json)
    async def get_result(round: Id, me: SignedIn) -> Response:
        return await _download(rounds, me, round, "result")


def _places(routes: APIRouter, rounds: Rounds) -> None:
    also_csv: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}

    @routes.get("/rounds/{round}/pairs", response_model_exclude_none=True, responses=problems(404))
    async def list_pairs(
        round: Id,
        me: SignedIn,
        *,
        state: Annotated[PlaceState | None, Query(description="Only these: `lapsed`, say")] = None,
        cursor: str | None = None,
        limit: Limit = 50,
    ) -> Page[PlaceRead]:
        """Every mentee's place: with whom, and what became of it."""
        page = await rounds.places(me, round, state, after=last_seen(cursor), limit=limit)
        return Page(items=[_place(one) for one in page], next=to_cursor(page[-1].id) if len(page) == limit else None)

    @routes.get("/rounds/{round}/waitlist", response_model=Page[WaitingRead], responses={**problems(404), **also_csv})
    async def list_waiting(
        round: Id,
        me: SignedIn,
        *,
        cursor: str | None = None,
        limit: Limit = 50,
        format: Literal["json", "csv"] | None = None,
        accept: Annotated[str, Header()] = "*/*",
    ) -> Response | Page[WaitingRead]:
        """Who is left over by a published round, in their order, why, and what would change it. CSV: all at once."""
        if format == "csv" or (format is None and "text/csv" in accept):
            await rounds.waitlist(me, round, limit=1)  # problems come before the first byte
            return StreamingResponse(_lines(rounds, me, round), media_type="text/csv; charset=utf-8")
        page = await rounds.waitlist(me, round, after=last_seen(cursor), limit=limit)
        next_cursor = to_cursor(page[-1].place.order) if len(page) == limit else None
        return Page[WaitingRead](items=[_waiting(one) for one in page], next=next_cursor)

    @routes.get("/me/rounds", response_model_exclude_none=True, responses=problems(404))
    async def list_my_rounds(me: SignedIn) -> list[OwnPlaceRead]:
        """My place as a mentee in each published round, the newest first."""
        return [_own(one) for one in await rounds.mine(me)]


async def _download(rounds: Rounds, me: Principal, round: str, kind: Kind) -> Response:
    file, content = await rounds.file(me, round, kind)
    headers = {
        "content-length": str(file.size),
        "content-disposition": f'attachment; filename="{kind}.json"',
        "etag": f'"{file.sha256}"',
    }
    return StreamingResponse(content, media_type="application/json", headers=headers)


def _orders(body: NewRound) -> Orders:
    return Orders(
        wishes=tuple(Choice(member=one.mentee, choices=tuple(one.mentors)) for one in body.wishes),
        mentor_wishes=tuple(Choice(member=one.mentor, choices=tuple(one.mentees)) for one in body.mentor_wishes),
        pins=tuple((one.mentee, one.mentor) for one in body.pins),
        exclusions=tuple((one.mentee, one.mentor) for one in body.exclusions),
    )


def _tagged(response: Response, round: Round) -> RoundRead:
    response.headers["etag"] = etag(round.version)
    return _read(round)


def _read(round: Round, *, places: Mapping[PlaceState, int] | None = None) -> RoundRead:
    frozen, solved, trouble = round.frozen, round.solved, round.trouble
    return RoundRead(
        id=round.id,
        programme=round.programme,
        target=round.target,
        state=round.state,
        list_length=round.list_length,
        score_band=round.score_band,
        opened_at=round.opened_at,
        frozen_at=frozen.at if frozen else None,
        published_at=round.published_at,
        mentees=frozen.mentees if frozen else None,
        mentors=frozen.mentors if frozen else None,
        places=places,
        figures=solved.figures if solved else None,
        policy_sha256=frozen.policy_sha256 if frozen else None,
        solver=solved.solver if solved else None,
        input=_file(solved.input) if solved else None,
        result=_file(solved.result) if solved else None,
        trouble=TroubleRead(
            code=trouble.code,
            detail=trouble.message,
            errors=[{"field": one.field, "message": one.message} for one in trouble.errors],
        )
        if trouble
        else None,
    )


def _file(file: File) -> FileRead:
    return FileRead(bytes=file.size, sha256=file.sha256)


def _place(place: Place) -> PlaceRead:
    return PlaceRead(
        place=place.id,
        mentee=party(place.mentee),
        mentor=party(place.mentor) if place.mentor else None,
        choice=place.choice,
        pinned=place.is_pinned,
        state=place.state,
        reason=place.reason,
        relationship=place.relationship,
    )


def _waiting(one: Waiting) -> WaitingRead:
    place = one.place
    return WaitingRead(
        position=one.position,
        mentee=party(place.mentee),
        state=place.state,
        reason=place.reason or "",
        waiting_since=place.waiting_since,
        would_change=would_change(place),
        opens=[OpeningRead(mentor=party(opening.mentor), seats=opening.seats) for opening in place.opens],
    )


def _own(one: Waiting) -> OwnPlaceRead:
    place, waits = one.place, one.place.waits
    return OwnPlaceRead(
        round=place.round,
        programme=place.programme,
        state=place.state,
        reason=place.said_reason,
        relationship=place.relationship,
        position=one.position if waits else None,
        waiting_since=place.waiting_since if waits else None,
        would_change=would_change(place) if waits else None,
    )


async def _lines(rounds: Rounds, me: Principal, round: str) -> AsyncIterator[str]:
    yield line(_COLUMNS)
    async for one in rounds.whole_waitlist(me, round):
        place = one.place
        told = (place.mentee.member, place.mentee.institution, place.state, place.reason or "")
        yield line((str(one.position), *told, place.waiting_since.isoformat(), would_change(place)))
