"""All services and the web application as processes, and Debian's chromium in front of them."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from deploy import processes
from deploy.api_client import Api, opened
from deploy.issuer import LocalIssuer
from deploy.names import DATABASES, WEB
from deploy.stack import programs
from deploy.stack.model import Site, Stack
from deploy.stack.programs import Journal
from shared.clock import SystemClock
from tests import servers as find_servers
from tests.browser.network import found_network
from tests.conftest import missing

ARTIFACTS = Path(os.environ.get("PRECEPTOR_ARTIFACTS", Path(__file__).parents[2] / ".artifacts")) / "browser"
_QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-quic")
"""Otherwise chromium asks for hosts that a test machine may not reach."""


@dataclass(frozen=True, slots=True)
class Running:
    addresses: Mapping[str, str]
    issuer: LocalIssuer
    journal: Journal
    browser: Browser

    @property
    def web(self) -> str:
        return self.addresses[WEB]

    @asynccontextmanager
    async def visitor(self, **options: Any) -> AsyncIterator[Page]:
        """A person with a browser of their own."""
        context = await self.browser.new_context(base_url=self.web, locale="en-GB", **options)
        context.set_default_timeout(30_000)
        try:
            yield await context.new_page()
        finally:
            await context.close()

    def api(self) -> Any:
        return opened(self.addresses, self.issuer, SystemClock())


@pytest.fixture(scope="package")
async def browser() -> AsyncIterator[Browser]:
    executable = shutil.which("chromium")
    if executable is None:
        missing("no chromium for the browser tests: apt install chromium")
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=executable, args=list(_QUIET))
        yield started
        await started.close()


@pytest.fixture(scope="package")
def addresses(
    kafka_bootstrap: str,
    servers: find_servers.Servers,
    issuer: LocalIssuer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Mapping[str, str], Journal]]:
    folder = tmp_path_factory.mktemp("web")
    site = Site(folder=folder, journal=Journal(folder / "programs.jsonl"), say=print, tied=True)
    uris = dict(zip(DATABASES, servers.mongo(len(DATABASES)), strict=True))
    stack = Stack(kind="env", bootstrap=kafka_bootstrap, mongo_uris=uris)
    ports = processes.ANY_PORTS
    try:
        services = processes.start(stack, issuer, site=site, logs=folder / "logs", wanted=ports)
        web = processes.start_web(stack, issuer, services=services, site=site, logs=folder / "logs", wanted=ports)
        yield services | web, site.journal
    finally:
        programs.stop(site.journal.programs())


@pytest.fixture(scope="package")
async def running(browser: Browser, addresses: tuple[Mapping[str, str], Journal], issuer: LocalIssuer) -> Running:
    running = Running(addresses[0], issuer, addresses[1], browser)
    async with running.api() as api:
        await found_network(api)
    return running


@pytest.fixture
async def api(running: Running) -> AsyncIterator[Api]:
    async with running.api() as api:
        yield api


async def sign_in(page: Page, name: str, *, at: str = "/sign-in") -> None:
    """Picks the person on the page of the development provider."""
    await page.goto(at)
    await page.get_by_label("Name").fill(name.rpartition(" ")[2])
    await page.get_by_role("button", name="Search").click()
    await page.get_by_role("button", name=name).click()
    await page.wait_for_load_state()


async def screenshot(page: Page, name: str) -> None:
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=True)


def context_of(page: Page) -> BrowserContext:
    return page.context
