"""Routes of rounds, for coordinators of the institution that owns the programme, and of a mentee's own places."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi.responses import StreamingResponse

from services.matching.jobs.domain import position
from services.matching.rounds.api.views import (
    ChosenTarget,
    NewRound,
    OwnPlaceRead,
    PlaceRead,
    RoundRead,
    WaitingRead,
    orders_of,
    own_read,
    place_read,
    round_read,
    waiting_read,
)
from services.matching.rounds.domain.assignments import PlaceState
from services.matching.rounds.domain.lifecycle import Round
from services.matching.rounds.solver.words import would_change
from services.matching.rounds.usecases.rounds import Kind, Opened, RoundCommand, Rounds
from shared.contracts.payload import Id
from shared.csv_lines import csv_line
from shared.http import (
    ExpectedVersion,
    IdempotencyKey,
    Limit,
    NewId,
    Page,
    SignedIn,
    Traced,
    moment_before,
    page_of,
    problems,
    router,
    text_after,
    with_etag,
)
from shared.principal import Principal

_MAX_BODY_BYTES = 4 << 20
_COLUMNS = ("position", "mentee", "institution", "state", "reason", "waiting_since", "would_change")


def _command(request: NewId, expected: ExpectedVersion, trace: Traced) -> RoundCommand:
    return RoundCommand(request=request, expected=expected, correlation=trace.correlation_id)


CommandOnRound = Annotated[RoundCommand, Depends(_command)]


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
        """Freezes the participants and solves the round, in the background. Wishes that a rule forbids are ignored.
        409 `round_open` while the programme has an open round.
        """
        opened = Opened(
            id=id,
            programme=programme,
            target=body.target,
            list_length=body.list_length,
            score_band=body.score_band,
            compare=body.compare,
            orders=orders_of(body),
        )
        response.headers["location"] = f"/rounds/{id}"
        return _tagged(response, await rounds.open(me, opened, trace))

    @routes.get("/programmes/{programme}/rounds", response_model_exclude_none=True, responses=problems(404))
    async def list_rounds(
        programme: Id, me: SignedIn, *, cursor: str | None = None, limit: Limit = 50
    ) -> Page[RoundRead]:
        """The newest first."""
        page = await rounds.of_programme(me, programme, before=moment_before(cursor), limit=limit)
        return page_of(page, round_read, limit=limit, position=position)

    @routes.get("/rounds/{round}", response_model_exclude_none=True, responses=problems(404))
    async def see_round(round: Id, me: SignedIn, response: Response) -> RoundRead:
        seen = await rounds.see(me, round)
        return with_etag(response, seen.version, round_read(seen, places=await rounds.counts(seen)))

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
        command: CommandOnRound,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> RoundRead:
        """Solves the round for this target, with the same participants."""
        return _tagged(response, await rounds.choose(me, round, target=body.target, command=command))

    @routes.post("/rounds/{round}/publish", response_model_exclude_none=True, responses=refusals)
    async def publish_round(
        round: Id, me: SignedIn, command: CommandOnRound, response: Response, _key: IdempotencyKey = None
    ) -> RoundRead:
        """Turns the pairs into relationships, in the background; `places` shows the progress. 409 `round_outdated`:
        another round, published after this round was frozen, took seats that this round assigns.
        """
        return _tagged(response, await rounds.publish(me, round, command=command))

    @routes.post("/rounds/{round}/drop", response_model_exclude_none=True, responses=refusals)
    async def drop_round(
        round: Id, me: SignedIn, command: CommandOnRound, response: Response, _key: IdempotencyKey = None
    ) -> RoundRead:
        """Ends a round before it is published. No member is notified."""
        return _tagged(response, await rounds.drop(me, round, command=command))


def _files(routes: APIRouter, rounds: Rounds) -> None:
    as_json: dict[int | str, dict[str, Any]] = {
        200: {"content": {"application/json": {"schema": {"type": "object"}}}},
        **problems(404, 409),
    }

    @routes.get("/rounds/{round}/input", response_class=StreamingResponse, responses=as_json)
    async def get_input(round: Id, me: SignedIn) -> Response:
        """The solved input. `./dev verify input.json result.json` checks the result against it."""
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
        state: Annotated[
            PlaceState | None, Query(description="Only places in this state, for example `lapsed`")
        ] = None,
        cursor: str | None = None,
        limit: Limit = 50,
    ) -> Page[PlaceRead]:
        """Every mentee's places: the mentor, and the state. A mentee who gets several mentors has a place for each."""
        page = await rounds.places(me, round, state, after=text_after(cursor) or "", limit=limit)
        return page_of(page, place_read, limit=limit, position=lambda place: place.id)

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
        """Mentees whom a published round left over, by waiting time, with the reason and what would change it. CSV has
        all of them.
        """
        if format == "csv" or (format is None and "text/csv" in accept):
            await rounds.waitlist(me, round, limit=1)  # raises before the first byte is sent
            return StreamingResponse(_lines(rounds, me, round), media_type="text/csv; charset=utf-8")
        page = await rounds.waitlist(me, round, after=text_after(cursor) or "", limit=limit)
        return page_of(page, waiting_read, limit=limit, position=lambda waiting: waiting.place.order)

    @routes.get("/me/rounds", response_model_exclude_none=True, responses=problems(404))
    async def list_my_rounds(me: SignedIn) -> list[OwnPlaceRead]:
        """The signed-in mentee's place in each published round, the newest first."""
        return [own_read(waiting) for waiting in await rounds.mine(me)]


async def _download(rounds: Rounds, me: Principal, round: str, kind: Kind) -> Response:
    file, content = await rounds.file(me, round, kind)
    headers = {
        "content-length": str(file.size),
        "content-disposition": f'attachment; filename="{kind}.json"',
        "etag": f'"{file.sha256}"',
    }
    return StreamingResponse(content, media_type="application/json", headers=headers)


def _tagged(response: Response, round: Round) -> RoundRead:
    return with_etag(response, round.version, round_read(round))


async def _lines(rounds: Rounds, me: Principal, round: str) -> AsyncIterator[str]:
    yield csv_line(_COLUMNS)
    async for waiting in rounds.whole_waitlist(me, round):
        place = waiting.place
        columns = (place.mentee.member, place.mentee.institution, place.state, place.reason or "")
        yield csv_line((str(waiting.position), *columns, place.waiting_since.isoformat(), would_change(place)))
