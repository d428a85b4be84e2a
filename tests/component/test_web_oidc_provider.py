"""Sign-in of the web application at an OpenID provider that is not ours, and that enforces PKCE."""

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from deploy.stack.ports import free_ports
from tests.component.oidc_provider import installed, provider
from tests.component.web_kit import Browser, Site, path_of, web_at

COORDINATOR = "office/st-anna"


@pytest.fixture(scope="module")
async def issuer_and_site(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[str, Site]]:
    """The registry has no address of keys, and finds roles and institution where this provider puts them."""
    folder = tmp_path_factory.mktemp("oidc")
    web_port, port = free_ports(2)
    web, programs = f"http://127.0.0.1:{web_port}", await asyncio.to_thread(installed)
    async with provider(programs, port=port, web=web) as issuer:
        entry = {
            "issuer": issuer,
            "audience": "urn:preceptor",
            "institutions": ["st-anna"],
            "claims": {"institution": "home.institution", "roles": "https://st-anna.example/groups"},
            "roles": {"office": "institution_coordinator", "staff": "member"},
        }
        client = {"id": "st-anna", "label": "St Anna", "client_id": "preceptor-web"}
        discovery = f"{issuer}/.well-known/openid-configuration"
        (folder / "issuers.json").write_text(json.dumps([entry]))
        (folder / "providers.json").write_text(json.dumps([{**client, "discovery": discovery}]))
        async with web_at(mongo_uri, folder, port=web_port) as site:
            yield issuer, site


@pytest.fixture
async def browser(issuer_and_site: tuple[str, Site]) -> AsyncIterator[Browser]:
    async with issuer_and_site[1].browser() as browser:
        yield browser


async def press(browser: Browser, page: httpx.Response, *, follow: bool = True, **fields: str) -> httpx.Response:
    """Sends the form of one of the provider's pages."""
    action = re.search(r'<form[^>]* action="([^"]+)"', page.text)
    assert action, page.text
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    return await browser.client.post(html.unescape(action[1]), data={**hidden, **fields}, follow_redirects=follow)


async def consenting(browser: Browser, account: str) -> httpx.Response:
    """The page of the provider that asks for consent."""
    login = await browser.get("/sign-in")
    return await press(browser, login, login=account, password="any")


async def test_a_person_signs_in_stays_signed_in_and_signs_out_at_the_provider_too(
    issuer_and_site: tuple[str, Site], browser: Browser
) -> None:
    home = await press(browser, await consenting(browser, COORDINATOR))
    assert (path_of(home), home.status_code) == ("/", 200), home.text
    assert "Your programmes" in home.text

    sessions = issuer_and_site[1].sessions
    versions = [(await sessions.find_one({}) or {})["version"]]
    for _ in range(2):  # the provider's tokens last 20 s, so that each page renews them
        assert path_of(await browser.get("/")) == "/"
        versions.append((await sessions.find_one({}) or {})["version"])
    assert versions == sorted(set(versions)), "each refresh token was accepted, and replaced"

    leaving = await browser.send(await browser.get("/sign-out"), {})
    address = re.search(r'href="(http[^"]+/session/end[^"]+)"', leaving.text)
    assert address, leaving.text
    asked = await browser.client.get(html.unescape(address[1]))
    signed_out = await press(browser, asked, logout="yes")
    assert path_of(signed_out) == "/signed-out"
    assert "/interaction/" in str((await browser.get("/sign-in")).url), "the provider asks who it is"


async def test_a_code_is_of_no_use_without_the_browsers_verifier(
    issuer_and_site: tuple[str, Site], browser: Browser
) -> None:
    issuer, site = issuer_and_site
    answer = await press(browser, await consenting(browser, COORDINATOR), follow=False)
    while not answer.headers["location"].startswith(site.web):
        answer = await browser.client.get(answer.headers["location"], follow_redirects=False)
    callback = answer.headers["location"]
    stolen = {
        "grant_type": "authorization_code",
        "client_id": "preceptor-web",
        "code": parse_qs(urlsplit(callback).query)["code"][0],
        "redirect_uri": f"{site.web}/sign-in/st-anna/callback",
        "code_verifier": "w" * 43,
    }
    refused = await browser.client.post(f"{issuer}/token", data=stolen)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (await site.bare("GET", callback)).status_code == 400, "another browser"


async def test_a_person_without_a_known_role_reads_that_the_page_is_not_for_them(browser: Browser) -> None:
    page = await press(browser, await consenting(browser, "visitor/st-anna"))
    assert page.status_code == 403
    assert "has none of the roles" in page.text
    assert path_of(await browser.get("/members")) != "/members"
