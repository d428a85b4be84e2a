"""Two people, two browsers: a mentee finds a mentor and asks, the mentor accepts, and both read of it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from playwright.async_api import Page, expect

from deploy.api_client import Api
from tests.browser.conftest import Running, screenshot, sign_in
from tests.browser.network import CARE, Person, join, suggested

pytestmark = pytest.mark.timeout(240)


@dataclass(frozen=True, slots=True)
class Two:
    mentee: Person
    mentor: Person


@pytest.fixture(scope="module")
async def two(running: Running) -> AsyncIterator[Two]:
    async with running.api() as api:
        yield Two(await join(api, "Nora Feldmann", "mentee"), await join(api, "Amara Okafor", "mentor"))


async def test_a_mentee_asks_and_a_mentor_accepts(running: Running, two: Two, api: Api) -> None:
    async with running.visitor() as mentee, running.visitor() as mentor:
        await sign_in(mentee, two.mentee.name)
        await expect(mentee.get_by_role("heading", name="Hello Nora Feldmann")).to_be_visible()
        await sign_in(mentor, two.mentor.name)
        await suggested(api, two.mentee, two.mentor)

        await _asks(mentee, two.mentor)
        await _accepts(mentor, two.mentee)

        await mentee.get_by_role("link", name="Mentorships").click()
        await mentee.get_by_role("link", name=two.mentor.name).click()
        await expect(mentee.get_by_text("You two get to know each other")).to_be_visible()
        await screenshot(mentee, "mentorship")


async def _asks(page: Page, mentor: Person) -> None:
    await page.get_by_role("link", name="Find a mentor").click()
    entry = page.get_by_role("listitem").filter(has_text=mentor.name)
    await entry.get_by_text("Why this mentor").click()
    await expect(entry.get_by_text("Offers 2 of the 2 topics you want")).to_be_visible()
    await screenshot(page, "list")
    await entry.get_by_role("link", name="Ask").click()
    await page.get_by_label("Your message").fill("Could we talk about research, once a month?")
    await screenshot(page, "ask")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_text("They have 14 days to answer")).to_be_visible()
    await screenshot(page, "check")
    await page.get_by_role("button", name="Change the message").click()
    await expect(page.get_by_label("Your message")).to_have_value("Could we talk about research, once a month?")
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_role("button", name="Send the request").click()
    await expect(page.get_by_text("Waiting for an answer")).to_be_visible()
    await screenshot(page, "request")


async def _accepts(page: Page, mentee: Person) -> None:
    await page.get_by_role("link", name="Asks").click()
    await screenshot(page, "asks")
    await page.get_by_role("link", name=f"Read and answer {mentee.name}").click()
    await expect(page.get_by_text("Could we talk about research, once a month?")).to_be_visible()
    await page.get_by_role("button", name="Send my answer").click()
    await expect(page.get_by_role("alert")).to_contain_text("Choose whether you accept or decline.")
    await screenshot(page, "answer-error")
    await page.get_by_label("I accept").check()
    await page.get_by_role("button", name="Send my answer").click()
    await expect(page.get_by_text("You two get to know each other")).to_be_visible()


async def test_both_read_of_it_in_their_inbox_live(running: Running, api: Api) -> None:
    mentee, mentor = await join(api, "Live Listener", "mentee"), await join(api, "Vera Answering", "mentor")
    async with running.visitor() as reader, running.visitor() as asker:
        await sign_in(reader, mentor.name)
        await sign_in(asker, mentee.name)
        await suggested(api, mentee, mentor)
        await reader.goto("/inbox")
        me = api.member("browser-hospital", mentee.id)
        wanted = {"programme": CARE, "mentor": mentor.id, "message": "Live?"}
        await me.post("matching", f"/mentees/{mentee.id}/requests", wanted)
        await expect(reader.get_by_role("listitem").filter(has_text="just now").first).to_be_visible()
        await screenshot(reader, "inbox")


async def test_everything_works_without_scripts(running: Running, api: Api) -> None:
    mentee, mentor = await join(api, "Plain Reader", "mentee"), await join(api, "Paul Withoutscript", "mentor")
    async with running.visitor(java_script_enabled=False) as page:
        await sign_in(page, mentee.name)
        await suggested(api, mentee, mentor)
        await page.goto(f"/mentors/{CARE}/{mentor.id}/ask")
        await page.get_by_label("Your message").fill("No scripts here.")
        await page.get_by_role("button", name="Continue").click()
        await page.get_by_role("button", name="Send the request").click()
        await page.get_by_role("button", name="Withdraw the request").click()
        await expect(page.get_by_text("Withdrawn")).to_be_visible()
        await page.get_by_role("link", name="Sign out").click()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
        await page.goto("/requests")
        await expect(page.get_by_role("heading", name="Sign in as")).to_be_visible()
