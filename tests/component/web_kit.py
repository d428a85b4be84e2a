"""The web application and a development provider on real ports, and a browser of plain requests to use them with."""

import asyncio
import html
import json
import re
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import uvicorn
from fastapi import FastAPI

from deploy.issuer import LocalIssuer
from deploy.sign_in.people import People
from deploy.sign_in.provider import Provider, describe
from deploy.sign_in.server import create_app
from deploy.stack import ports
from services.web import app
from services.web.settings import WebSettings
from shared import mongo
from shared.clock import Clock, SystemClock
from shared.mongo import Collection

NOWHERE = "http://127.0.0.1:9"
"""Nothing listens there: a service that is down."""


@dataclass(frozen=True, slots=True)
class Site:
    web: str
    provider: Provider | None
    sessions: Collection
    app: FastAPI

    async def bare(self, method: str, address: str, **options: Any) -> httpx.Response:
        """A request of a browser that knows nothing; redirects are not followed."""
        async with httpx.AsyncClient(base_url=self.web, timeout=20) as client:
            return await client.request(method, address, **options)

    @asynccontextmanager
    async def browser(self) -> AsyncIterator["Browser"]:
        async with httpx.AsyncClient(base_url=self.web, follow_redirects=True, timeout=20) as client:
            yield Browser(client, self.web)


@dataclass(frozen=True, slots=True)
class Browser:
    """Keeps cookies, follows redirects, and sends the forms of pages."""

    client: httpx.AsyncClient
    web: str

    async def sign_in(self, person: str, *, to: str = "/") -> httpx.Response:
        page = await self.client.get("/sign-in", params={"to": to})
        return await self.client.post(page.url, data={"person": person})

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(path)

    async def send(self, page: httpx.Response, fields: Mapping[str, str]) -> httpx.Response:
        """Sends the page's form with these values for its fields."""
        data = hidden(page.text) | fields
        return await self.client.post(page.url, data=data, headers={"origin": self.web})

    @property
    def session(self) -> str | None:
        return self.client.cookies.get("preceptor")


def hidden(text: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', text)
    return {name: html.unescape(value) for name, value in found}


@asynccontextmanager
async def running(
    mongo_uri: str,
    issuer: LocalIssuer,
    folder: Path,
    *,
    access_seconds: int = 300,
    profiles: str = NOWHERE,
    notifications: str = NOWHERE,
    clock: Clock | None = None,
) -> AsyncIterator[Site]:
    """Without services behind it, but for those that are named."""
    web_port, sign_in_port = ports.free_ports(2)
    web, sign_in = (f"http://127.0.0.1:{port}" for port in (web_port, sign_in_port))
    provider = Provider(issuer, public=sign_in, web=web, access_seconds=access_seconds)
    (folder / "providers.json").write_text(json.dumps([describe(sign_in)]), encoding="utf-8")
    shutil.copy(issuer.issuers_file, folder / "issuers.json")
    addresses = {"profiles_url": profiles, "notifications_url": notifications}
    async with (
        web_at(mongo_uri, folder, port=web_port, provider=provider, clock=clock, **addresses) as site,
        served(create_app(provider, People(issuer, profiles)), sign_in_port),
    ):
        yield site


@asynccontextmanager
async def web_at(
    mongo_uri: str,
    folder: Path,
    *,
    port: int,
    provider: Provider | None = None,
    clock: Clock | None = None,
    **addresses: str,
) -> AsyncIterator[Site]:
    """With the issuers and the providers of sign-in that the folder's `issuers.json` and `providers.json` list."""
    clock = clock or SystemClock()
    services = {f"{name}_url": NOWHERE for name in ("profiles", "matching", "notifications", "mentorships")}
    settings = WebSettings(
        environment="development",
        mongo_uri=mongo_uri,
        mongo_database=f"web_{clock.new_id()}",
        issuers_file=folder / "issuers.json",
        providers_file=folder / "providers.json",
        public_address=f"http://127.0.0.1:{port}",
        http_port=port,
        **services | addresses,
    )
    service = app.build(settings, clock)
    await service.prepare()
    database = mongo.connect(mongo_uri, settings.mongo_database)
    try:
        async with served(service.app, port):
            yield Site(settings.public_address, provider, database["sessions"], service.app)
    finally:
        await service.close()
        await database.client.drop_database(database.name)
        database.client.close()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(app: FastAPI, port: int) -> AsyncIterator[uvicorn.Server]:
    server = _Server(uvicorn.Config(app, port=port, log_config=None, lifespan="off", timeout_graceful_shutdown=2))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server
    finally:
        server.should_exit = True
        await task


def path_of(answer: httpx.Response) -> str:
    return urlsplit(str(answer.url)).path
