"""Notifications on a real port with a real database, and a client of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
import uvicorn
from pydantic import SecretStr

from deploy.issuer import ISSUER, LocalIssuer
from deploy.stack.ports import free_ports
from services.notifications.app import NAME, build
from services.notifications.notifying.repository import MongoNotificationRepository
from services.notifications.notifying.usecases import AboutPair, Notifier
from services.notifications.privacy.repository import MongoErasureRepository
from services.notifications.projections.repository import MongoContactRepository
from services.notifications.settings import NotificationsSettings
from shared import mongo
from shared.auth import subject_hash
from shared.clock import AdjustableClock, Clock, SystemClock
from shared.contracts.envelope import Envelope, Received, Trace
from shared.contracts.matching import Ranked, SuggestionsChanged
from shared.contracts.payload import Payload, Recipient
from shared.contracts.profiles import ContactChanged, Status
from shared.mongo import Database, Transaction
from shared.service import Service, supervise
from tests.component import kept
from tests.eventually import eventually


@dataclass(slots=True)
class Notifications:
    http: httpx.AsyncClient
    issuer: LocalIssuer
    database: Database
    clock: Clock
    contacts: MongoContactRepository
    erasures: MongoErasureRepository
    sends_mail: bool = False
    _sequences: Any = field(default_factory=lambda: count(1))

    def received(self, payload: Payload, institution: str, *, sequence: int | None = None) -> Received:
        return Received(self._envelope(payload.TYPE, institution, payload.aggregate, sequence), payload)

    def erased(self, type_: type[Payload], institution: str, subject: str) -> Received:
        return Received(self._envelope(type_.TYPE, institution, subject, None), None)

    def _envelope(self, event_type: str, institution: str, subject: str, sequence: int | None) -> Envelope:
        return Envelope(
            id=self.clock.new_id(),
            type=event_type,
            institution=institution,
            subject=subject,
            sequence=sequence or next(self._sequences),
            time=self.clock.now(),
            trace=Trace(correlation_id="test"),
        )

    async def knows(
        self,
        member: str,
        *,
        institution: str = "north",
        locale: str = "en",
        name: str = "",
        email: str = "",
        status: Status = "active",
        signed_in_as: str | None = "",
    ) -> None:
        """The member's contact has arrived, and they have accepted their invitation (`signed_in_as=None`: not)."""
        contact = ContactChanged(
            member=member,
            institution=institution,
            name=name or member.title(),
            email=email or f"{member}@example.org",
            locale=locale,
            subject_hash=None if signed_in_as is None else subject_hash(ISSUER, signed_in_as or member),
            status=status,
        )
        await self.erasures.fold_contacts([self.received(contact, institution)])

    def _notifier(self) -> Notifier:
        return Notifier(self.clock, has_mail_server=self.sends_mail)

    async def tell(self, event: SuggestionsChanged) -> None:
        notifier = self._notifier()

        def body(transaction: Transaction) -> None:
            notifier.notify([(event, Trace(correlation_id="test"))], MongoNotificationRepository(transaction))

        await mongo.in_transaction(self.database, body)

    async def turn(self, event: AboutPair) -> None:
        def body(transaction: Transaction) -> None:
            self._notifier().notify([(event, Trace(correlation_id="test"))], MongoNotificationRepository(transaction))

        await mongo.in_transaction(self.database, body)

    def headers(
        self,
        member: str,
        *,
        institution: str = "north",
        roles: Sequence[str] = ("member",),
        lifetime_seconds: int = 3600,
    ) -> dict[str, str]:
        token = self.issuer.token(member, institution=institution, roles=roles, lifetime_seconds=lifetime_seconds)
        return {"Authorization": f"Bearer {token}", "Idempotency-Key": self.clock.new_id()}

    async def inbox(self, member: str, *, institution: str = "north", **query: Any) -> dict[str, Any]:
        answer = await self.http.get("/inbox", params=query, headers=self.headers(member, institution=institution))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    @asynccontextmanager
    async def stream(
        self, member: str, *, last: int | None = None, lifetime_seconds: int = 3600, **query: int
    ) -> AsyncIterator["Stream"]:
        headers = self.headers(member, lifetime_seconds=lifetime_seconds) | (
            {} if last is None else {"Last-Event-ID": str(last)}
        )
        async with self.http.stream("GET", "/inbox/stream", params=query, headers=headers, timeout=10) as answer:
            assert answer.status_code == 200, (await answer.aread()).decode()
            stream = Stream(answer.aiter_lines())
            await stream.opened()
            yield stream

    @asynccontextmanager
    async def stream_of_ticket(self, ticket: str) -> AsyncIterator["Stream"]:
        """As a browser's EventSource: without a token."""
        async with self.http.stream("GET", "/inbox/stream", params={"ticket": ticket}, timeout=10) as answer:
            assert answer.status_code == 200, (await answer.aread()).decode()
            stream = Stream(answer.aiter_lines())
            await stream.opened()
            yield stream


class Stream:
    """Server-sent events as a browser would read them."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def opened(self) -> None:
        assert await self.block() == [": open", "retry: 2000"]

    async def block(self) -> list[str]:
        lines: list[str] = []
        async with asyncio.timeout(10):
            async for line in self._lines:
                if not line:
                    break
                lines.append(line)
        return lines

    async def next(self) -> dict[str, Any]:
        """The next notification, under its `id:`."""
        while True:
            fields = dict(line.split(": ", 1) for line in await self.block() if not line.startswith(":"))
            if fields.get("event") == "notification":
                return {"id:": fields["id"]} | json.loads(fields["data"])

    async def rest(self) -> list[str]:
        """Until the server ends it."""
        async with asyncio.timeout(10):
            return [line async for line in self._lines if line]


def event(
    mentee: str,
    *,
    institution: str = "north",
    ranked: Sequence[tuple[str, str]] = (("ada", "north"),),
    entered: Sequence[str] = ("ada",),
    recipients: Sequence[tuple[str, str]] | None = None,
    **changed: Any,
) -> SuggestionsChanged:
    named = recipients if recipients is not None else [(mentee, institution)]
    whole = {
        "programme": "residency",
        "mentee": mentee,
        "institution": institution,
        "version": 1,
        "ranked": tuple(Ranked(mentor=m, institution=i, rank=rank) for rank, (m, i) in enumerate(ranked, 1)),
        "entered": tuple(entered),
        "cause": "own_change",
        "recipients": tuple(Recipient(member=member, institution=of) for member, of in named),
    } | changed
    return SuggestionsChanged(enrolment=f"{whole['programme']}.{mentee}", **whole)


def settings(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, **changed: Any) -> NotificationsSettings:
    whole: dict[str, Any] = {
        "environment": "development",
        "mongo_uri": SecretStr(mongo_uri),
        "mongo_database": f"test_{SystemClock().new_id()}",
        "kafka_bootstrap": kafka_bootstrap,
        "issuers_file": issuer.issuers_file,
        "topics_size": "native",
        "http_port": free_ports(1)[0],
    } | changed
    return NotificationsSettings(**whole)


@asynccontextmanager
async def serving(wanted: NotificationsSettings, issuer: LocalIssuer, *roles: str) -> AsyncIterator[Notifications]:
    clock = SystemClock()
    service = build(wanted, clock, frozenset(roles))
    await service.prepare()
    database = mongo.connect(wanted.mongo_uri.get_secret_value(), wanted.mongo_database)
    try:
        async with AsyncExitStack() as running:
            base = await running.enter_async_context(serving_at(service, clock))
            client = await running.enter_async_context(httpx.AsyncClient(base_url=base, timeout=10))
            repositories = MongoContactRepository(database), MongoErasureRepository(database)
            yield Notifications(client, issuer, database, clock, *repositories, sends_mail=wanted.sends_mail)
    finally:
        await database.client.drop_database(database.name)
        database.client.close()


@asynccontextmanager
async def sharing(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, **changed: Any
) -> AsyncIterator[Notifications]:
    """The API on an empty database, for tests that are not about its start or stop."""
    wanted = settings(mongo_uri, kafka_bootstrap, issuer, **changed)

    def service(clock: AdjustableClock) -> tuple[Service, Database]:
        return build(wanted, clock, frozenset({"api"})), mongo.connect(mongo_uri, wanted.mongo_database)

    key = (NAME, mongo_uri, kafka_bootstrap, issuer.issuers_file, *sorted(changed.items()))
    async with kept.lent(key, service) as lent:
        repositories = MongoContactRepository(lent.database), MongoErasureRepository(lent.database)
        yield Notifications(lent.client, issuer, lent.database, lent.clock, *repositories, sends_mail=wanted.sends_mail)


@asynccontextmanager
async def serving_at(service: Service, clock: Clock) -> AsyncIterator[str]:
    config = uvicorn.Config(service.app, host=service.host, port=service.port, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    stops = asyncio.Event()
    work = [asyncio.create_task(supervise(name, run, clock, stops=stops)) for name, run in service.background.items()]
    serving = asyncio.create_task(server.serve())
    await eventually(lambda: server.started, message=f"{NAME} serves")
    try:
        yield f"http://{service.host}:{service.port}"
    finally:
        server.should_exit = True
        await serving
        stops.set()
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await service.close()
