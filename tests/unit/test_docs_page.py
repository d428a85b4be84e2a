"""`/docs` is served whole by the service: no other host is named, and its policy allows none."""

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from shared.clock import SystemClock
from shared.http import create_app
from shared.telemetry import Metrics


class References(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inline: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [value for name in ("src", "href") if (value := given.get(name))]
        if tag == "style" or (tag == "script" and "src" not in given) or any(name.startswith("on") for name in given):
            self.inline.append(tag)


async def _well() -> dict[str, str]:
    return {}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    nothing: Any = {"idempotency": None}
    app = create_app(
        "test",
        "",
        routers=[],
        database=nothing,
        authenticator=nothing,
        clock=SystemClock(),
        metrics=Metrics(),
        ready=_well,
        stalled=dict,
        backlog=nothing,
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x") as client:
        yield client


async def test_the_page_and_its_start_script_name_no_other_host(client: httpx.AsyncClient) -> None:
    for path in ("/docs", "/docs/start.js"):
        answer = await client.get(path)
        assert answer.status_code == 200
        assert not re.search(r"(https?:)?//", answer.text)


async def test_every_asset_of_the_page_is_served_by_the_service(client: httpx.AsyncClient) -> None:
    page = References((await client.get("/docs")).text)
    files = [url for url in page.found if not url.startswith("data:")]
    assert {file.rpartition("/")[2] for file in files} == {"swagger-ui.css", "swagger-ui-bundle.js", "start.js"}
    for path in [*files, "openapi.json"]:
        assert (await client.get(f"/{path}")).status_code == 200, path
    assert page.inline == []


async def test_its_policy_allows_the_service_alone(client: httpx.AsyncClient) -> None:
    policy = (await client.get("/docs")).headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize(
    "path", ["/redoc", "/docs/oauth2-redirect", "/docs/..%2f__init__.py", "/docs/redoc.standalone.js"]
)
async def test_nothing_else_is_served_there(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404
