"""Sign-in of the web application against the development provider, and what must not work."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from deploy.issuer import LocalIssuer
from deploy.stack.ports import free_ports
from tests.component.http_kit import Movable
from tests.component.web_kit import Browser, Site, hidden, path_of, running, served

COORDINATOR = "coordinator/st-anna"


@pytest.fixture(scope="module")
async def site(mongo_uri: str, issuer: LocalIssuer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with running(mongo_uri, issuer, tmp_path_factory.mktemp("web")) as site:
        yield site


@pytest.fixture
async def browser(site: Site) -> AsyncIterator[Browser]:
    async with site.browser() as browser:
        yield browser


async def test_a_person_signs_in_and_is_greeted_though_no_service_answers(browser: Browser) -> None:
    home = await browser.sign_in(COORDINATOR)
    assert home.status_code == 200
    assert path_of(home) == "/"
    assert "Your programmes" in home.text
    assert "cannot be reached" in home.text


async def test_the_browser_holds_a_random_id_and_no_token(site: Site, browser: Browser) -> None:
    home = await browser.sign_in(COORDINATOR)
    [cookie] = [cookie for cookie in browser.client.cookies.jar if cookie.name == "preceptor"]
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "lax"
    assert len(cookie.value or "") == 43
    assert "eyJ" not in home.text
    stored = str(await site.sessions.find().to_list(None))
    assert cookie.value not in stored
    assert "eyJ" not in stored
    assert "demo-coordinator" not in stored


async def test_sign_in_gives_the_session_a_new_id(site: Site, browser: Browser) -> None:
    page = await browser.client.get("/sign-in")
    before = browser.session
    await browser.client.post(page.url, data={"person": COORDINATOR})
    assert before
    assert before != browser.session
    answer = await site.bare("GET", "/sign-out", headers={"cookie": f"preceptor={before}"})
    assert answer.status_code == 303


async def test_a_page_for_signed_in_people_comes_back_after_sign_in(browser: Browser) -> None:
    asked = await browser.get("/invitation?code=abc")
    assert path_of(asked) == "/authorize"
    page = await browser.client.post(asked.url, data={"person": COORDINATOR})
    assert path_of(page) == "/invitation"
    assert 'value="abc"' in page.text


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example"])
async def test_sign_in_leads_to_no_other_site(site: Site, browser: Browser, target: str) -> None:
    page = await browser.sign_in(COORDINATOR, to=target)
    assert str(page.url) == f"{site.web}/"


async def _callback(browser: Browser) -> httpx.URL:
    """The provider's answer to a sign-in, before the browser has followed it."""
    page = await browser.client.get("/sign-in")
    answer = await browser.client.post(page.url, data={"person": COORDINATOR}, follow_redirects=False)
    return httpx.URL(answer.headers["location"])


async def test_an_answer_of_the_provider_is_taken_once(browser: Browser) -> None:
    callback = await _callback(browser)
    assert (await browser.client.get(callback)).status_code == 200
    again = await browser.client.get(callback)
    assert again.status_code == 400
    assert "did not work" in again.text


async def test_an_answer_for_another_browser_is_refused(site: Site, browser: Browser) -> None:
    callback = await _callback(browser)
    async with site.browser() as other:
        await other.client.get("/sign-in")
        refused = await other.client.get(callback)
        assert refused.status_code == 400
        assert "Sign in" in (await other.get("/")).text


async def test_a_forged_state_is_refused(browser: Browser) -> None:
    callback = await _callback(browser)
    forged = callback.copy_set_param("state", "forged")
    assert (await browser.client.get(forged)).status_code == 400


async def test_a_code_is_useless_without_the_verifier_of_its_browser(site: Site, browser: Browser) -> None:
    callback = await _callback(browser)
    asked = {
        "grant_type": "authorization_code",
        "client_id": "preceptor-web",
        "code": callback.params["code"],
        "redirect_uri": str(callback.copy_with(query=None)),
        "code_verifier": "x" * 43,
    }
    answer = await site.bare("POST", f"{site.provider.public}/token", data=asked)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_the_provider_refuses_a_sign_in_without_pkce(site: Site, browser: Browser) -> None:
    page = await browser.client.get("/sign-in")
    without = page.url.copy_remove_param("code_challenge")
    assert (await site.bare("GET", str(without))).status_code == 400


async def test_an_unknown_provider_is_no_page(browser: Browser) -> None:
    assert (await browser.get("/sign-in/other")).status_code == 404
    assert (await browser.get("/sign-in/other/callback?code=a&state=b")).status_code == 400


async def test_a_form_without_the_session_s_token_changes_nothing(site: Site, browser: Browser) -> None:
    await browser.sign_in(COORDINATOR)
    async with site.browser() as other:
        await other.sign_in(COORDINATOR)
        foreign = hidden((await other.get("/sign-out")).text)
    for fields in ({}, {"_csrf": "guess"}, foreign):
        answer = await browser.client.post("/sign-out", data=fields)
        assert answer.status_code == 403
    assert "Your programmes" in (await browser.get("/")).text


async def test_signing_out_ends_the_session_here_and_at_the_provider(site: Site, browser: Browser) -> None:
    await browser.sign_in(COORDINATOR)
    id = browser.session
    left = await browser.send(await browser.get("/sign-out"), {})
    assert "You are signed out here" in left.text
    assert f"{site.provider.public}/end-session" in left.text
    assert "id_token_hint" in left.text
    assert browser.session is None
    answer = await site.bare("GET", "/sign-out", headers={"cookie": f"preceptor={id}"})
    assert answer.status_code == 303


async def test_what_was_typed_survives_the_end_of_the_session(site: Site, browser: Browser) -> None:
    await browser.sign_in(COORDINATOR)
    page = await browser.get("/invitation")
    await site.sessions.delete_many({})
    ended = await browser.send(page, {"code": "what I typed"})
    assert ended.status_code == 401
    assert "what you typed is kept" in ended.text
    again = await browser.sign_in(COORDINATOR, to="/invitation")
    assert 'value="what I typed"' in again.text
    assert "still here" in again.text


async def test_typed_values_are_shown_to_their_author_only(site: Site, browser: Browser) -> None:
    await browser.sign_in(COORDINATOR)
    page = await browser.get("/invitation")
    await site.sessions.delete_many({})
    await browser.send(page, {"code": "what I typed"})
    other = await browser.sign_in("coordinator/lindenau", to="/invitation")
    assert "what I typed" not in other.text


async def test_another_site_s_form_neither_ends_a_session_nor_leaves_text(site: Site) -> None:
    """A browser sends no cookie with it, so that it looks like a form of an ended session."""
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {}):
        answer = await site.bare("POST", "/invitation", data={"code": "planted"}, headers=headers)
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers


async def test_every_answer_has_the_security_headers(browser: Browser) -> None:
    await browser.sign_in(COORDINATOR)
    for path in ("/", "/sign-out", "/nowhere", "/static/style.css", "/invitation"):
        answer = await browser.get(path)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert ("no-store" in answer.headers["cache-control"]) == (not path.startswith("/static"))


async def test_a_page_about_a_fault_has_them_too_and_says_nothing_of_it(site: Site, browser: Browser) -> None:
    async def broken() -> None:
        raise RuntimeError("a secret")

    site.app.add_api_route("/broken", broken)
    answer = await browser.get("/broken")
    assert answer.status_code == 500
    assert answer.headers["x-correlation-id"] in answer.text
    assert "secret" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


async def test_a_session_without_a_person_is_kept_for_an_hour_only(site: Site) -> None:
    await site.sessions.delete_many({})
    await site.bare("GET", "/sign-in")
    (begun,) = await site.sessions.find({}).to_list(None)
    assert begun["expires_at"] == begun["ends_at"] <= datetime.now(UTC) + timedelta(hours=1)


async def test_a_live_inbox_ends_with_the_session(
    mongo_uri: str, issuer: LocalIssuer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    signed_out, folder = asyncio.Event(), tmp_path_factory.mktemp("live")
    (port,) = free_ports(1)

    async def events() -> AsyncIterator[bytes]:
        yield b"data: before\n\n"
        await signed_out.wait()
        yield b"data: after\n\n"

    service = FastAPI()
    service.add_api_route("/inbox/stream", lambda: StreamingResponse(events(), media_type="text/event-stream"))
    async with (
        served(service, port),
        running(mongo_uri, issuer, folder, notifications=f"http://127.0.0.1:{port}") as site,
        site.browser() as browser,
    ):
        await browser.sign_in(COORDINATOR)
        async with browser.client.stream("GET", "/inbox/stream?after=٣") as stream:
            chunks = stream.aiter_bytes()
            assert b"before" in await anext(chunks)
            await site.sessions.delete_many({})
            signed_out.set()
            assert [chunk async for chunk in chunks] == []


async def test_an_unknown_page_says_so(browser: Browser) -> None:
    answer = await browser.get("/nowhere")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text


async def test_the_reader_s_language_is_spoken_and_can_be_changed(browser: Browser) -> None:
    german = await browser.client.get("/", headers={"accept-language": "de-AT,de;q=0.9"})
    assert '<html lang="de"' in german.text
    chosen = await browser.client.get("/language/de?to=//evil.example")
    assert str(chosen.url) == f"{browser.web}/"
    assert "Anmelden" in chosen.text


async def test_health_is_served_and_metrics_are_not_for_the_public(browser: Browser) -> None:
    assert (await browser.get("/health/ready")).json() == {"status": "ready"}
    assert (await browser.get("/metrics")).status_code == 404


@pytest.mark.parametrize("seconds_later", [0, 30], ids=["due", "expired"])
async def test_tokens_are_renewed_once_however_many_pages_load_at_once(
    mongo_uri: str, issuer: LocalIssuer, tmp_path_factory: pytest.TempPathFactory, seconds_later: int
) -> None:
    """The provider takes each refresh token once."""
    clock = Movable()
    folder = tmp_path_factory.mktemp("renewing")
    async with running(mongo_uri, issuer, folder, access_seconds=20, clock=clock) as site, site.browser() as browser:
        await browser.sign_in(COORDINATOR)
        clock.ahead = timedelta(seconds=seconds_later)
        site.provider.access_seconds = 300
        pages = await asyncio.gather(*(browser.get("/invitation") for _ in range(6)))
        assert {path_of(page) for page in pages} == {"/invitation"}


async def test_pages_are_shown_while_their_token_is_valid_although_its_renewal_fails(
    mongo_uri: str, issuer: LocalIssuer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("failing")
    async with running(mongo_uri, issuer, folder, access_seconds=20) as site, site.browser() as browser:
        await browser.sign_in(COORDINATOR)
        site.provider._refresh_tokens.clear()
        pages = await asyncio.gather(*(browser.get("/invitation") for _ in range(6)))
        assert {path_of(page) for page in pages} == {"/invitation"}


async def test_a_refused_renewal_asks_to_sign_in_again(
    mongo_uri: str, issuer: LocalIssuer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    clock = Movable()
    folder = tmp_path_factory.mktemp("refusing")
    async with running(mongo_uri, issuer, folder, clock=clock) as site, site.browser() as browser:
        await browser.sign_in(COORDINATOR)
        clock.ahead = timedelta(seconds=301)
        site.provider._refresh_tokens.clear()
        assert path_of(await browser.get("/invitation")) == "/authorize"
