"""A small API with every kind of route, made as services make theirs, on a real MongoDB."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any

import httpx
from fastapi import APIRouter, FastAPI, File, Form, Header, Query, Response, UploadFile
from pydantic import BaseModel, ConfigDict, StringConstraints

from deploy.issuer import LocalIssuer
from shared import mongo
from shared.auth import Authenticator, load_issuers
from shared.clock import SystemClock
from shared.contracts.payload import Id
from shared.errors import Conflict, NotFound, StaleVersion
from shared.http import (
    ExpectedVersion,
    Idempotency,
    IdempotencyKey,
    Limit,
    NewId,
    Page,
    SignedIn,
    Traced,
    create_app,
    etag,
    from_cursor,
    problems,
    router,
    to_cursor,
)
from shared.mongo import Database, Document
from shared.outbox import table as outbox
from shared.outbox.shedding import Backlog
from shared.telemetry import Metrics

SHED_AFTER_SECONDS = 30
SECRET = "grace.hopper@example.org"  # whatever is sent with it must not come back in a problem


class Note(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, StringConstraints(max_length=1000)]
    tags: list[Annotated[str, StringConstraints(max_length=20)]] = []
    weight: float = 1.0
    due: datetime | None = None


class Seen(Note):
    id: str
    version: int


class Movable:
    """The system's clock, moved by a test."""

    def __init__(self) -> None:
        self.system = SystemClock()
        self.ahead = timedelta()

    def now(self) -> datetime:
        return self.system.now() + self.ahead

    def monotonic(self) -> float:
        return self.system.monotonic() + self.ahead.total_seconds()

    def new_id(self) -> str:
        return self.system.new_id()


@dataclass(slots=True)
class Api:
    """`faults` are raised by the next POSTs, one each; a POST waits while `gate` is closed."""

    database: Database
    clock: Movable
    issuer: LocalIssuer
    app: FastAPI = field(init=False)
    faults: list[BaseException] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    correlations: list[str] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)
    stalled: dict[str, str] = field(default_factory=dict)
    backlog: Backlog = field(init=False)

    def __post_init__(self) -> None:
        self.backlog = Backlog(self.database, self.clock, shed_after_seconds=SHED_AFTER_SECONDS)
        self.gate.set()

    async def reset(self) -> None:
        for collection in ("notes", "idempotency", "outbox"):
            await self.database[collection].delete_many({})
        self.clock.ahead = timedelta()
        await self.backlog.look()
        self.faults.clear()
        self.correlations.clear()
        self.gate.set()

    async def notes(self) -> list[Document]:
        return await self.database["notes"].find().sort("_id").to_list(None)

    def token(self, subject: str = "ada", institution: str | None = "charite", **claims: Any) -> str:
        return self.issuer.token(subject, institution=institution, roles=["member"], **claims)

    def headers(self, token: str | None = None, **headers: str) -> dict[str, str]:
        signed = {"authorization": f"Bearer {token or self.token()}", "idempotency-key": self.clock.new_id()}
        return signed | {name.replace("_", "-"): value for name, value in headers.items()}

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://api.test", timeout=60)


@asynccontextmanager
async def running(mongo_uri: str, issuer: LocalIssuer) -> AsyncIterator[Api]:
    clock = Movable()
    database = mongo.connect(mongo_uri, f"notes_{clock.new_id()}")
    await Idempotency(database).prepare()
    await outbox.prepare(database)
    try:
        yield _make(database, clock, issuer)
    finally:
        await database.client.drop_database(database.name)
        database.client.close()


def _make(database: Database, clock: Movable, issuer: LocalIssuer) -> Api:
    api = Api(database, clock, issuer)

    async def ready() -> Mapping[str, str]:
        return {}

    api.app = create_app(
        "Notes",
        "For tests.",
        routers=[_notes(api), _files()],
        database=database,
        authenticator=Authenticator(load_issuers(issuer.issuers_file), clock, api.metrics),
        clock=clock,
        metrics=api.metrics,
        ready=ready,
        stalled=lambda: api.stalled,
        backlog=api.backlog,
    )
    return api


def _notes(api: Api) -> APIRouter:  # noqa: C901 -- one route of each kind
    routes = router(prefix="/notes", tags=["notes"])
    notes = api.database["notes"]

    @routes.post("", status_code=201, responses=problems(409))
    async def write(
        body: Note,
        me: SignedIn,
        id: NewId,
        trace: Traced,
        response: Response,
        *,
        color: str = "",  # noqa: ARG001 -- part of what an Idempotency-Key stands for
        _key: IdempotencyKey = None,
    ) -> Seen:
        api.correlations.append(trace.correlation_id)
        await api.gate.wait()
        if api.faults:
            raise api.faults.pop()
        await notes.insert_one({"_id": id, "institution": me.home, "version": 1, **body.model_dump()})
        response.headers["etag"] = etag(1)
        return Seen(id=id, version=1, **body.model_dump())

    @routes.post("/archive", status_code=201)
    async def archive(body: Note, me: SignedIn, id: NewId) -> dict[str, str]:
        await notes.insert_one({"_id": id, "institution": me.home, "version": 1, **body.model_dump()})
        return {"id": id}

    @routes.post("/secret", status_code=201)
    async def secret(me: SignedIn, id: NewId, response: Response) -> dict[str, str]:
        await notes.insert_one({"_id": id, "institution": me.home})
        response.headers["cache-control"] = "no-store"
        return {"code": "once only"}

    @routes.get("")
    async def page(me: SignedIn, limit: Limit = 50, cursor: str | None = None, text: str | None = None) -> Page[str]:
        after = from_cursor(cursor)
        if after is not None and not isinstance(after, str):
            raise Conflict("shape", "each API looks at the shape")
        wanted = {"institution": me.home, "_id": {"$gt": after or ""}} | ({"text": text} if text is not None else {})
        found = await notes.find(wanted).sort("_id").limit(limit).to_list(None)
        return Page(items=[note["_id"] for note in found], next=to_cursor(found[-1]["_id"]) if found else None)

    @routes.get("/public")
    async def public(q: Annotated[int, Query()] = 0, x: Annotated[int, Header()] = 0) -> dict[str, int]:
        return {"q": q, "x": x}

    @routes.get("/{note}", responses=problems(404))
    async def see(note: Id, me: SignedIn) -> dict[str, str]:
        if await notes.find_one({"_id": note, "institution": me.home}) is None:
            raise NotFound("note_not_found", "no such note")
        return {"id": note}

    @routes.patch("/{note}", responses=problems(404, 412, 428))
    async def change(note: Id, body: Note, me: SignedIn, if_match: ExpectedVersion) -> dict[str, int]:
        known = await notes.find_one({"_id": note, "institution": me.home})
        if known is None:
            raise NotFound("note_not_found", "no such note")
        if known["version"] != if_match:
            raise StaleVersion(found=known["version"], expected=if_match)
        await notes.update_one({"_id": note}, {"$set": body.model_dump(), "$inc": {"version": 1}})
        return {"version": if_match + 1}

    return routes


def _files() -> APIRouter:
    routes = router(prefix="/files", tags=["files"], max_body_bytes=3 << 20)

    @routes.post("")
    async def receive(
        file: Annotated[UploadFile, File()], name: Annotated[str, Form()], me: SignedIn
    ) -> dict[str, str | int]:
        return {"name": name, "size": file.size or 0, "to": me.home}

    return routes
