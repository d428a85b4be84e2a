"""Two people, two browsers: from a yes to an agreement that both signed, agreed meetings, and a good end."""

from datetime import timedelta

import httpx
import pytest
from playwright.async_api import Page, expect

from deploy.api_client import Api
from shared.clock import SystemClock
from tests.browser.conftest import Running, screenshot, sign_in
from tests.browser.network import CARE, HOME, Person, join, suggested

pytestmark = pytest.mark.timeout(240)


async def test_from_a_yes_to_a_signed_agreement_meetings_and_an_end(running: Running, api: Api) -> None:
    mentee, mentor = await join(api, "Mara Anfang", "mentee"), await join(api, "Iris Wegweiser", "mentor")
    async with running.visitor(java_script_enabled=False) as hers, running.visitor() as theirs:
        await sign_in(hers, mentee.name)
        await sign_in(theirs, mentor.name)
        await _says_yes(theirs, await _asked(api, mentee, mentor))
        await _drafts_and_changes(hers, mentor)
        await _signs(theirs, mentee)
        await _proposes_first_fridays(hers)
        await _agrees(theirs)
        await _subscribes(theirs, running)
        await _ends(hers)


async def _asked(api: Api, mentee: Person, mentor: Person) -> str:
    await suggested(api, mentee, mentor)
    wanted = {"programme": CARE, "mentor": mentor.id, "message": "May I learn from you?"}
    asked = await api.member(HOME, mentee.id).post("matching", f"/mentees/{mentee.id}/requests", wanted)
    return str(asked.json()["id"])


async def _says_yes(page: Page, request: str) -> None:
    await page.goto(f"/asks/{request}")
    await page.get_by_label("I accept").check()
    await page.get_by_role("button", name="Send my answer").click()
    await expect(page.get_by_text("You two get to know each other")).to_be_visible()
    await screenshot(page, "mentorship-introduction")


async def _drafts_and_changes(page: Page, mentor: Person) -> None:
    await page.get_by_role("link", name="My mentorships").click()
    await screenshot(page, "mentorships-list")
    await (
        page.get_by_role("listitem")
        .filter(has_text=mentor.name)
        .get_by_role("link", name="Draft the agreement")
        .click()
    )
    await page.get_by_role("button", name="Begin with the programme's text").click()
    await page.get_by_role("link", name="Propose a change").click()
    await page.get_by_label("Goals").fill("A first paper by the summer.")
    await page.get_by_label("Length in months").fill("")
    await page.get_by_role("button", name="Propose it").click()
    await expect(page.get_by_role("alert").get_by_role("link", name="Enter a whole number.")).to_be_visible()
    await expect(page.get_by_label("Goals")).to_have_value("A first paper by the summer.")
    await page.get_by_label("Length in months").fill("6")
    await page.get_by_role("button", name="Propose it").click()
    await expect(page.locator("ins").filter(has_text="summer").first).to_be_visible()
    await page.get_by_role("button", name="Sign version 2").click()
    await expect(page.get_by_text("It waits for the other signature.")).to_be_visible()


async def _signs(page: Page, mentee: Person) -> None:
    await page.get_by_role("link", name="My mentorships").first.click()
    card = page.get_by_role("listitem").filter(has_text=mentee.name)
    await card.get_by_role("link", name="Read and sign the agreement").click()
    await screenshot(page, "agreement-proposed")
    await page.get_by_role("button", name="Sign version 2").click()
    await expect(page.get_by_role("heading", name="In force: version 2")).to_be_visible()
    await screenshot(page, "agreement-in-force")
    await page.get_by_role("link", name="Print it, or save it as PDF").click()
    await expect(page.get_by_role("heading", name="Mentoring agreement")).to_be_visible()
    await screenshot(page, "agreement-printed")
    await page.go_back()


async def _proposes_first_fridays(page: Page) -> None:
    await page.get_by_role("link", name="Meetings", exact=True).click()
    await page.get_by_role("link", name="Propose meetings").click()
    await page.get_by_role("button", name="Propose it").click()
    await expect(page.get_by_role("alert").get_by_role("link", name="Enter a date.")).to_be_visible()
    await page.get_by_label("From which day on?").fill((SystemClock().now() + timedelta(days=2)).date().isoformat())
    await page.get_by_label("Where").fill("Library café")
    await screenshot(page, "meetings-propose")
    await page.get_by_role("button", name="Propose it").click()
    await expect(page.get_by_text("Your proposal waits for an answer.")).to_be_visible()


async def _agrees(page: Page) -> None:
    await page.get_by_role("link", name="Meetings", exact=True).click()
    await page.get_by_role("link", name="Every month on the first Friday, at 17:00").click()
    await screenshot(page, "meetings-answer")
    await page.get_by_role("button", name="I agree").click()
    await expect(page.get_by_role("heading", name="The next meetings")).to_be_visible()
    await screenshot(page, "meetings-agreed")
    file = await page.get_by_role("link", name="Add to my calendar").get_attribute("href")
    calendar = await page.context.request.get(str(file))
    assert "RRULE:FREQ=MONTHLY;BYDAY=1FR" in await calendar.text()


async def _subscribes(page: Page, running: Running) -> None:
    await page.goto("/calendar")
    await page.get_by_role("button", name="Make an address").click()
    address = await page.locator("code").inner_text()
    await screenshot(page, "calendar-address")
    async with httpx.AsyncClient() as calendar_program:
        read = await calendar_program.get(address)
    assert address.startswith(running.web)
    assert "LOCATION:Library caf" in read.text


async def _ends(page: Page) -> None:
    await page.get_by_role("link", name="Overview").click()
    await page.get_by_role("link", name="End this mentoring").click()
    await page.get_by_label("We reached our goals").check()
    await page.get_by_label("A last word to the other person").fill("Thank you for everything.")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_text("This is final.")).to_be_visible()
    await screenshot(page, "mentorship-end-check")
    await page.get_by_role("button", name="End this mentoring").click()
    await expect(page.get_by_text("We reached our goals")).to_be_visible()
    await page.get_by_role("link", name="Messages").click()
    await expect(page.get_by_text("Thank you for everything.")).to_be_visible()
