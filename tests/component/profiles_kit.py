"""The real profiles service in this process, on a database of its own, and people who ask it things."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import SecretStr

from deploy.issuer import LocalIssuer
from services.profiles import app
from services.profiles.settings import Settings
from shared import mongo
from shared.clock import SystemClock
from shared.mongo import Database
from shared.service import Service
from tests.component.databases import lent
from tests.component.tokens import roles_for

Json = dict[str, Any]
INVITATION_KEY = "a key of tests that is long enough"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a token, who asks."""

    client: httpx.AsyncClient
    token: str

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.client.get(path, headers=self._headers(), params=query)

    async def post(self, path: str, body: Json | None = None, *, key: str | None = None) -> httpx.Response:
        headers = self._headers() | {"idempotency-key": key or SystemClock().new_id()}
        return await self.client.post(path, json=body, headers=headers)

    async def patch(self, path: str, body: Json, *, version: int) -> httpx.Response:
        return await self.client.patch(path, json=body, headers=self._headers() | {"if-match": f'"{version}"'})

    async def delete(self, path: str) -> httpx.Response:
        return await self.client.delete(path, headers=self._headers())

    async def upload(
        self,
        csv: bytes,
        mapping: str,
        *,
        section: str = "people",
        dry_run: bool = False,
        key: str | None = None,
        **answers: str,
    ) -> httpx.Response:
        return await self.client.post(
            "/rosters",
            data={"section": section, "dry_run": str(dry_run).lower(), **answers},
            files={"file": ("people.csv", csv, "text/csv"), "mapping": ("mapping.yaml", mapping, "application/yaml")},
            headers=self._headers() | {"idempotency-key": key or SystemClock().new_id()},
        )

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}


@dataclass(frozen=True, slots=True)
class Network:
    service: Service
    database: Database
    issuer: LocalIssuer
    client: httpx.AsyncClient

    def sign_in(self, subject: str, institution: str | None, *roles: str, programmes: Sequence[str] = ()) -> Person:
        held = roles_for(roles, programmes)
        token = self.issuer.token(subject, institution=institution, roles=held, programmes=programmes)
        return Person(self.client, token)

    @property
    def operator(self) -> Person:
        return self.sign_in("operator", None, "operator")

    def coordinator(self, institution: str, programmes: Sequence[str] = ()) -> Person:
        return self.sign_in(f"coordinator-{institution}", institution, "coordinator", programmes=programmes)

    async def institution(self, id: str) -> Person:
        """Creates an institution and returns its coordinator."""
        answer = await self.operator.post("/institutions", {"id": id, "name": id.title()})
        assert answer.status_code == 201, answer.text
        return self.coordinator(id)

    async def member(self, by: Person, id: str, **fields: Any) -> Json:
        answer = await by.post("/members", {"name": id.title(), "email": f"{id}@example.org", **fields})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def bound(self, by: Person, institution: str, id: str, **fields: Any) -> tuple[Person, Json]:
        """A member who has accepted their invitation: how they ask, and how they see themselves."""
        member = await self.member(by, id, **fields)
        invited = await by.post(f"/members/{member['id']}/invitations")
        person = self.sign_in(f"{institution}-{id}", institution, "member")
        accepted = await person.post("/invitations/accept", {"code": invited.json()["code"]})
        assert accepted.status_code == 200, accepted.text
        return person, accepted.json()

    async def rows(self, topic: str, subject: str) -> list[Json]:
        """The outbox rows of an aggregate, in order of sequence."""
        rows = await self.database["outbox"].find({"topic": f"profiles.{topic}"}).sort("sequence").to_list(None)
        return [row for row in rows if row["key"].endswith(f":{subject}")]


@asynccontextmanager
async def running(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, *, background: Mapping[str, bool] | None = None
) -> AsyncIterator[Network]:
    """`background` names the work that runs beside the API. `kafka_bootstrap` may begin with `network@`."""
    async with (
        lent(mongo_uri, "profiles") as name,
        _running(mongo_uri, kafka_bootstrap, issuer, name, background or {}) as network,
    ):
        yield network


@asynccontextmanager
async def _running(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, name: str, background: Mapping[str, bool]
) -> AsyncIterator[Network]:
    clock = SystemClock()
    network_id, _, bootstrap = kafka_bootstrap.rpartition("@")
    settings = Settings(
        environment="development",
        mongo_uri=mongo_uri,
        mongo_database=name,
        kafka_bootstrap=bootstrap,
        network_id=network_id,
        issuers_file=issuer.issuers_file,
        topics_size="native",
        invitation_key=SecretStr(INVITATION_KEY),
    )
    service = app.build(settings, clock)
    await service.prepare()
    database = mongo.connect(mongo_uri, settings.mongo_database)
    work = [asyncio.ensure_future(act()) for name, act in service.background.items() if background.get(name)]
    transport = httpx.ASGITransport(app=service.app, raise_app_exceptions=False)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://profiles.test", timeout=60) as client:
            yield Network(service, database, issuer, client)
    finally:
        for task in work:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await service.close()
        database.client.close()
