"""The real matching service in this process, on a database of its own, and people who join, change and leave."""

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from deploy.issuer import ISSUER, LocalIssuer
from services.matching import app
from services.matching.projections.repository import ProjectedDocuments
from services.matching.settings import Settings
from shared import mongo
from shared.auth import subject_hash
from shared.clock import SystemClock
from shared.contracts.envelope import Envelope, Received, Trace
from shared.contracts.payload import Payload
from shared.contracts.profiles import (
    Enrolment,
    InstitutionChanged,
    MemberChanged,
    MemberErased,
    PreferencesChanged,
    ProgrammeChanged,
    ProgrammeLimits,
    TermChanged,
)
from shared.mongo import Database, Document
from shared.service import Service, supervise
from tests.component.databases import lent
from tests.component.tokens import roles_for
from tests.eventually import eventually

NORTH, SOUTH, CARE = "north", "south", "care"


def mentor(id: str, institution: str = NORTH, **fields: Any) -> MemberChanged:
    enrolled = Enrolment(programme=CARE, roles=("mentor",))
    return _member(id, institution, {"enrolments": (enrolled,), "stage": "attending", **fields})


def mentee(id: str, institution: str = NORTH, **fields: Any) -> MemberChanged:
    enrolled = Enrolment(programme=CARE, roles=("mentee",))
    return _member(id, institution, {"enrolments": (enrolled,), "stage": "resident", **fields})


def _member(id: str, institution: str, fields: Mapping[str, Any]) -> MemberChanged:
    usual: dict[str, Any] = {
        "status": "active",
        "specialty": "cardiology",
        "topics_offered": ("research", "careers"),
        "topics_wanted": ("research",),
        "languages": ("en",),
        "formats": ("video",),
        "hours_per_month": 4,
        "capacity": 2,
    }
    return MemberChanged(member=id, institution=institution, **{**usual, **fields})


def institution(id: str, **fields: Any) -> InstitutionChanged:
    return InstitutionChanged(institution=id, name=id.title(), status="active", **fields)


def programme(id: str = CARE, *, limits: ProgrammeLimits | None = None, **fields: Any) -> ProgrammeChanged:
    usual: dict[str, Any] = {
        "institution": NORTH,
        "name": id,
        "status": "active",
        "admits": (NORTH, SOUTH),
        "weights": {},
    }
    return ProgrammeChanged(programme=id, limits=limits or ProgrammeLimits(), **{**usual, **fields})


@dataclass(frozen=True, slots=True)
class Matching:
    service: Service
    database: Database
    client: httpx.AsyncClient
    issuer: LocalIssuer
    sequences: dict[str, int] = field(default_factory=dict)

    async def receive(self, *payloads: Payload, correlation: str = "begun") -> None:
        """As if profiles had published these, and the projection folded them."""
        copies = ProjectedDocuments(self.database)
        projection_handlers = {
            InstitutionChanged: copies.fold_institutions,
            ProgrammeChanged: copies.fold_programmes,
            TermChanged: copies.fold_terms,
            MemberChanged: copies.fold_members,
            PreferencesChanged: copies.fold_preferences,
            MemberErased: copies.fold_erasures,
        }
        for kind, fold in projection_handlers.items():
            of_kind = [
                self.received(payload, correlation=correlation) for payload in payloads if isinstance(payload, kind)
            ]
            if of_kind:
                await fold(of_kind)

    def received(self, payload: Payload, *, correlation: str = "begun", erased: bool = False) -> Received:
        key = f"{payload.TYPE}:{payload.aggregate}"
        self.sequences[key] = self.sequences.get(key, 0) + 1
        envelope = Envelope(
            id=SystemClock().new_id(),
            type=payload.TYPE,
            institution=payload.institution,  # type: ignore[attr-defined]
            subject=payload.aggregate,
            sequence=self.sequences[key],
            time=None,
            trace=Trace(correlation_id=correlation),
        )
        return Received(envelope, None if erased else payload)

    async def erase(self, member: MemberChanged) -> None:
        await ProjectedDocuments(self.database).fold_members([self.received(member, erased=True)])

    async def list_of(self, mentee: str) -> Document:
        return await self.database["lists"].find_one({"mentee": mentee}) or {}

    async def mentors_of(self, mentee: str) -> list[str] | None:
        """None: no list yet."""
        document = await self.list_of(mentee)
        return [entry["mentor"] for entry in document["entries"]] if document else None

    async def until_list(self, mentee: str, *mentors: str) -> None:
        async def has() -> bool:
            return await self.mentors_of(mentee) == list(mentors)

        await eventually(has, message=f"{mentee} has {mentors}")

    async def events(self) -> list[Document]:
        return await self.database["outbox"].find({"topic": "matching.events"}).sort("_id").to_list(None)

    async def get(self, path: str, subject: str, institution: str, *roles: str, **options: Any) -> httpx.Response:
        programmes: Sequence[str] = options.pop("programmes", ())
        held = roles_for(roles or ("member",), programmes)
        token = self.issuer.token(subject, institution=institution, roles=held, programmes=programmes)
        headers = {"authorization": f"Bearer {token}", **options.pop("headers", {})}
        return await self.client.get(path, headers=headers, params=options or None)

    async def post(
        self,
        path: str,
        subject: str,
        institution: str = NORTH,
        *,
        key: str = "",
        version: int | None = None,
        role: str = "member",
        **body: Any,
    ) -> httpx.Response:
        token = self.issuer.token(subject, institution=institution, roles=roles_for([role]))
        headers = {"authorization": f"Bearer {token}", "idempotency-key": key or SystemClock().new_id()}
        if version is not None:
            headers["if-match"] = f'"{version}"'
        headers["content-type"] = "application/json"
        return await self.client.post(path, headers=headers, content=json.dumps(body))

    async def send_request(self, mentee: str, mentor: str) -> httpx.Response:
        body = {"programme": CARE, "mentor": mentor, "message": "May I?"}
        return await self.post(f"/mentees/{mentee}/requests", mentee, **body)

    async def join(self, *people: MemberChanged) -> None:
        """With a sign-in each."""
        await self.receive(*people, *(signed_in(person) for person in people))

    async def seats(self) -> dict[str, int]:
        """Taken, by mentor."""
        return {
            document["_id"]: document["taken"] async for document in self.database["seats"].find() if document["taken"]
        }

    async def departures_are_handled(self) -> bool:
        return await self.database["departures"].count_documents({}) == 0

    async def request_mentor(self, mentee: str, mentor: str) -> str:
        """The request's id."""
        answer = await self.send_request(mentee, mentor)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def answer_request(
        self, mentor: str, request: str, verb: str, institution: str = NORTH, **body: Any
    ) -> Document:
        answer = await self.post(f"/requests/{request}/{verb}", mentor, institution, **body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def facts(self, *of: str) -> list[tuple[str, dict[str, Any]]]:
        """Type without prefix and suffix, and data, in order; of requests and relationships only, or of these."""
        typed = [
            (event["headers"]["ce_type"].split(".")[3:5], json.loads(event["value"])) for event in await self.events()
        ]
        named = [(".".join(name), data) for name, data in typed]
        return [(name, data) for name, data in named if (name in of if of else not name.startswith("suggestions"))]


def signed_in(member: MemberChanged, **fields: Any) -> PreferencesChanged:
    """The member's own preferences; their token's subject is their id."""
    return PreferencesChanged(
        member=member.member,
        institution=member.institution,
        subject_hash=subject_hash(ISSUER, member.member),
        **fields,
    )


async def _is_ready(client: httpx.AsyncClient, *, keeps_lists: bool) -> bool:
    answer = await client.get("/health/ready")
    return answer.is_success or (not keeps_lists and list(answer.json()["wrong"]) == ["index"])


@asynccontextmanager
async def running(
    mongo_uri: str,
    kafka_bootstrap: str,
    issuer: LocalIssuer,
    *,
    work: Collection[str] = ("lists",),
    database: str | None = None,
    **settings: Any,
) -> AsyncIterator[Matching]:
    """`work` names what runs beside the API. A named `database` is somebody else's to drop."""
    if database is None:
        async with (
            lent(mongo_uri, "matching") as name,
            running(mongo_uri, kafka_bootstrap, issuer, work=work, database=name, **settings) as matching,
        ):
            yield matching
        return
    clock = SystemClock()
    wanted = Settings(
        environment="development",
        mongo_uri=mongo_uri,
        mongo_database=database,
        kafka_bootstrap=kafka_bootstrap,
        issuers_file=issuer.issuers_file,
        topics_size="native",
        **{"coalesce_seconds": 0.1, "lease_seconds": 3, **settings},
    )
    service = app.build(wanted, clock, frozenset({"api", "consumer", "relay", "clockwork"}))
    await service.prepare()
    mine = mongo.connect(mongo_uri, wanted.mongo_database)
    stops = asyncio.Event()
    tasks = [
        asyncio.create_task(supervise(name, act, clock, stops=stops))
        for name, act in service.background.items()
        if name in work
    ]
    transport = httpx.ASGITransport(app=service.app, raise_app_exceptions=False)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://matching.test", timeout=30) as client:
            await eventually(lambda: _is_ready(client, keeps_lists="lists" in work))
            yield Matching(service, mine, client, issuer)
    finally:
        stops.set()
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await service.close()
        mine.client.close()


@asynccontextmanager
async def asking(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, *, work: Collection[str] = ("lists", "due")
) -> AsyncIterator[Matching]:
    """Two institutions that exchange, two mentors (mara with one seat) and two mentees in the first."""
    async with running(mongo_uri, kafka_bootstrap, issuer, work=work) as matching:
        await matching.receive(institution(NORTH, exchanges_with=(SOUTH,)), institution(SOUTH, exchanges_with=(NORTH,)))
        await matching.receive(programme())
        await matching.join(mentor("mara", capacity=1), mentor("milo"), mentee("ana"), mentee("ben"))
        yield matching
