"""Every page in a real browser: nothing for axe to find in light and dark, nothing wider than 320 pixels, a picture of
each in the artifacts folder, and every link and control reachable by keyboard with a visible focus.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from deploy.api_client import Api, Caller, until
from tests.browser.conftest import Running, screenshot, sign_in
from tests.browser.network import CARE, HOME, WITHIN, Person, join, suggested

pytestmark = pytest.mark.timeout(280)
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_SCHEMES = {"light": _RULES, "dark": {"type": "rule", "values": ["color-contrast"]}}
"""What a color scheme changes is looked at again in the dark one."""
_NARROW = {"width": 320, "height": 640}


@dataclass(slots=True)
class Known:
    """Addresses of pages, by the name of their picture."""

    mentee: str = ""
    mentor: str = ""
    mentee_pages: dict[str, str] = field(default_factory=dict)
    mentorship_pages: dict[str, str] = field(default_factory=dict)
    mentor_pages: dict[str, str] = field(default_factory=dict)
    coordinator_pages: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
async def known(running: Running) -> AsyncIterator[Known]:
    """A mentee with a list, a request that waits and a mentoring, and everything that a coordinator sees of them."""
    async with running.api() as api:
        yield await _prepared(running, api)


async def _prepared(running: Running, api: Api) -> Known:
    mentee = await join(api, "Hannah Seitenweise", "mentee")
    asked, other = await join(api, "Rolf Erstbesuch", "mentor"), await join(api, "Karla Zweitsicht", "mentor")
    for person in (mentee, asked, other):
        async with running.visitor() as page:
            await sign_in(page, person.name)
    await suggested(api, mentee, asked)
    await suggested(api, mentee, other)
    me = api.member(HOME, mentee.id)
    wanted = {"programme": CARE, "message": "May I learn from you?"}
    first = (await me.post("matching", f"/mentees/{mentee.id}/requests", wanted | {"mentor": asked.id})).json()
    answered = (await api.member(HOME, asked.id).post("matching", f"/requests/{first['id']}/accept", {})).json()
    course = await _course(api, mentee, asked, answered["relationship"])
    second = await _second_request(api, mentee.id, other.id, wanted)
    hearer = await _hearer(api, other.id)
    return Known(
        mentee=mentee.name,
        mentor=other.name,
        mentee_pages={
            "home": "/",
            "mentors": "/mentors",
            "mentors-ask": f"/mentors/{CARE}/{other.id}/ask",
            "mentors-why-not": f"/mentors/{CARE}/{asked.id}/why-not",
            "directory": "/directory",
            "requests": "/requests",
            "requests-one": f"/requests/{second}",
            "inbox": "/inbox",
            "profile": "/profile",
            "profile-about": "/profile/steps/about",
            "profile-topics": "/profile/steps/topics",
            "profile-meeting": "/profile/steps/meeting",
            "profile-story": "/profile/steps/story",
            "profile-weights": "/profile/weights",
            "profile-never": "/profile/never",
            "profile-never-one": f"/profile/never/{other.id}",
            "preferences": "/preferences",
            "preferences-deliveries": "/preferences/deliveries",
            "support-ask": f"/mentorships/{answered['relationship']}/support",
            "flash-open": f"/flash/programmes/{CARE}",
            "my-data": "/my-data",
            "my-data-erasure": "/my-data/erasure",
            "my-data-move": "/my-data/move",
            "invitation": "/invitation",
            "not-found": "/nowhere",
            "sign-out": "/sign-out",
        },
        mentorship_pages={"mentorships": "/mentorships", **course},
        mentor_pages={
            "mentor-home": "/",
            "asks-all": "/asks",
            "asks-one": f"/asks/{second}",
            "flash": "/flash",
            "groups": "/groups",
            "visits": "/visits",
            "visits-plan": "/visits/plan",
            "flash-offer": f"/flash/programmes/{CARE}/offer",
            "support-hearer": "/support",
            "support-entry": f"/support/entries/{hearer}",
        },
        coordinator_pages={
            "coordinator-home": "/",
            "programmes": "/programmes",
            "programme": f"/programmes/{CARE}",
            "programme-requests": f"/programmes/{CARE}/requests",
            "programme-mentorships": f"/programmes/{CARE}/mentorships",
            "programme-pairs-add": f"/programmes/{CARE}/pairs/add?mentee={mentee.id}&mentor_name=Zweitsicht",
            "programme-pairs-end": f"/programmes/{CARE}/pairs/{answered['relationship']}/end",
            "programme-waiting": f"/programmes/{CARE}/waiting",
            "programme-invitations": f"/programmes/{CARE}/invitations",
            "programme-courses": f"/programmes/{CARE}/courses",
            "programme-reports": f"/programmes/{CARE}/reports",
            "programme-rounds": f"/programmes/{CARE}/rounds",
            "programme-rules": f"/programmes/{CARE}/rules",
            "programme-simulation": f"/programmes/{CARE}/rules/{await _simulation(api)}",
            "hearers": "/hearers",
            "hearers-remove": f"/hearers/{hearer}/remove",
            "hearers-add": "/hearers/add?name=Zweitsicht",
            "hearers-add-one": f"/hearers/add/{other.id}",
            "topics": "/topics",
            "members": "/members?name=Seitenweise",
            "member": f"/members/{mentee.id}",
            "rosters": "/rosters",
        },
    )


async def _course(api: Api, mentee: Person, mentor: Person, id: str) -> dict[str, str]:
    """Gives the mentorship an agreement, a goal, a message and meetings. Returns its pages."""
    mine, theirs = api.member(HOME, mentee.id), api.member(HOME, mentor.id)
    own = f"/mentorships/{id}"
    await until(
        lambda: _tasks(mine, id), clock=api.clock, within=WITHIN, missing="the mentorship of the new relationship"
    )
    await mine.post("mentorships", f"{own}/agreement/draft", {"language": "en"})
    goal = {"title": "A first paper", "description": "By the summer.", "shared": True}
    set_goal = (await mine.post("mentorships", f"{own}/goals", goal)).json()
    await theirs.post("mentorships", f"/goals/{set_goal['id']}/comments", {"text": "Start with the abstract."})
    await mine.post("mentorships", f"{own}/messages", {"text": "Shall we begin?"})
    sent = (await theirs.post("mentorships", f"{own}/messages", {"text": "Gladly, on Friday."})).json()
    starts = (api.clock.now() + timedelta(days=3)).strftime("%Y-%m-%dT17:00")
    plan = {
        "starts": starts,
        "zone": "Europe/Berlin",
        "minutes": 45,
        "place": "Library café",
        "rule": "FREQ=DAILY;INTERVAL=7",
    }
    series = (await theirs.post("mentorships", f"{own}/meetings", plan)).json()
    read = await mine.get("mentorships", f"/meetings/{series['id']}")
    await mine.post("mentorships", f"/meetings/{series['id']}/agree", etag=read.headers["etag"])
    meeting = series["proposal"]["coming"][0]["id"]
    question = {"hearer": "mentor", "kind": "burnout", "text": "I sleep badly since the night shifts."}
    support = (await mine.post("mentorships", f"{own}/support", question)).json()
    await theirs.get("mentorships", f"/support/{support['id']}")
    return {
        "mentorships-one": own,
        "mentorships-end": f"{own}/end",
        "mentorships-pause": f"{own}/pause",
        "mentorships-leave": f"{own}/leave",
        "agreement": f"{own}/agreement",
        "agreement-propose": f"{own}/agreement/propose",
        "agreement-version": f"{own}/agreement/versions/1",
        "agreement-print": f"{own}/agreement/versions/1/print",
        "goals": f"{own}/goals",
        "goals-new": f"{own}/goals/new",
        "goals-one": f"{own}/goals/{set_goal['id']}",
        "messages": f"{own}/messages",
        "messages-report": f"{own}/messages/{sent['id']}/report",
        "meetings": f"{own}/meetings",
        "meetings-propose": f"{own}/meetings/propose",
        "meetings-series": f"{own}/meetings/{series['id']}",
        "meetings-one": f"{own}/meetings/{series['id']}/times/{meeting}",
        "check-ins": f"{own}/check-ins",
        "hours": f"{own}/hours",
        "support": "/support",
        "support-one": f"/support/{support['id']}",
        "guides": "/guides",
        "calendar": "/calendar",
    }


async def _simulation(api: Api) -> str:
    """One with a result."""
    coordinator = api.coordinator(HOME)
    begun = (await coordinator.post("matching", f"/programmes/{CARE}/rehearsals", {"weights": {"topics": 10}})).json()

    async def is_ready() -> bool | None:
        found = (await coordinator.get("matching", f"/rehearsals/{begun['id']}")).json()
        return True if found["state"] == "ready" else None

    await until(is_ready, clock=api.clock, within=WITHIN, missing="the result of the simulation")
    return str(begun["id"])


async def _hearer(api: Api, member: str) -> str:
    """An entry that has not been accepted yet."""
    body = {"member": member, "role": "ombudsperson", "note": "Bound to secrecy, in the office on Tuesdays."}
    return str((await api.coordinator(HOME).post("mentorships", "/institution/hearers", body)).json()["id"])


async def _tasks(me: Caller, mentorship: str) -> bool | None:
    found = (await me.get("mentorships", "/me/tasks")).json()["items"]
    return True if any(each["mentorship"] == mentorship for each in found) else None


async def _second_request(api: Api, mentee: str, mentor: str, wanted: dict[str, str]) -> str:
    """A mentee who has a mentor may ask another."""
    made = await api.member(HOME, mentee).post("matching", f"/mentees/{mentee}/requests", wanted | {"mentor": mentor})
    return str(made.json()["id"])


async def test_pages_of_a_mentee(running: Running, known: Known) -> None:
    await _look_at(running, known.mentee, known.mentee_pages)


async def test_pages_of_a_mentorship(running: Running, known: Known) -> None:
    await _look_at(running, known.mentee, known.mentorship_pages)


async def test_pages_of_a_mentor(running: Running, known: Known) -> None:
    await _look_at(running, known.mentor, known.mentor_pages)


async def test_pages_of_a_coordinator(running: Running, known: Known) -> None:
    await _look_at(running, "Coordinator of Browser Hospital", known.coordinator_pages)


async def test_pages_of_an_operator(running: Running) -> None:
    async with running.visitor() as page:
        await page.goto("/sign-in")
        await page.get_by_role("button", name="Operator").first.click()
        await page.wait_for_load_state()
        for name, path in {
            "operator-home": "/",
            "operations": "/operations",
            "parked": "/operations/matching",
            "vocabulary": "/vocabulary",
        }.items():
            await page.goto(path)
            await _is_sound(page, name)


async def test_pages_without_a_sign_in(running: Running) -> None:
    async with running.visitor() as page:
        for name, path in {
            "welcome": "/",
            "signed-out": "/signed-out",
            "certificate-check": "/certificates/check",
        }.items():
            await page.goto(path)
            await _is_sound(page, name)


async def _look_at(running: Running, person: str, pages: dict[str, str]) -> None:
    async with running.visitor() as page:
        await sign_in(page, person)
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        for name, path in pages.items():
            await page.goto(path)
            await _is_sound(page, name)
        assert [text for text in wrong if "404" not in text] == []


async def _is_sound(page: Page, name: str) -> None:
    for scheme, rules in _SCHEMES.items():
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found = await Axe().run(page, options={"runOnly": rules})
        assert found.violations_count == 0, f"{name} ({scheme}): {_described(found.response)}"
    await screenshot(page, f"{name}-dark")
    await page.emulate_media(color_scheme="light")
    await screenshot(page, name)
    await _fits_a_narrow_window(page, name)


async def _fits_a_narrow_window(page: Page, name: str) -> None:
    wide = page.viewport_size
    await page.set_viewport_size(_NARROW)  # type: ignore[arg-type]
    width = await page.evaluate("document.documentElement.scrollWidth")
    await screenshot(page, f"{name}-narrow")
    assert width <= _NARROW["width"], f"{name}: {width} pixels wide"
    await page.set_viewport_size(wide or {"width": 1280, "height": 720})


def _described(response: dict[str, Any]) -> str:
    return json.dumps(
        [
            {"rule": each["id"], "nodes": [node["html"][:200] for node in each["nodes"][:3]]}
            for each in response["violations"]
        ],
        indent=1,
    )


async def test_a_keyboard_reaches_the_content_and_sees_where_it_is(running: Running, known: Known) -> None:
    async with running.visitor() as page:
        await sign_in(page, known.mentee)
        await page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to content")
        await expect(skip).to_be_focused()
        await expect(skip).to_be_in_viewport()
        outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        await page.keyboard.press("Enter")
        await expect(page.locator("main")).to_be_focused()


async def test_hostile_text_is_shown_as_text(running: Running, api: Api) -> None:
    hostile = '<img src=x onerror="document.title=1"> \u05e9\u05dc\u05d5\u05dd'
    mentor = await join(api, f"Mallory {hostile}", "mentor", principles=f"{hostile}\njavascript:alert(1)")
    mentee = await join(api, "Careful Reader", "mentee")
    async with running.visitor() as page:
        await sign_in(page, mentee.name)
        await suggested(api, mentee, mentor)
        await page.goto(f"/mentors/{CARE}/{mentor.id}/ask")
        await expect(page.get_by_text("<img src=x").first).to_be_visible()
        assert (await page.title()).startswith("Ask for mentoring")
        assert await page.locator("main img").count() == 0
