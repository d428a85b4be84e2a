"""Forms under unkind conditions: the session ends, another tab saves first, somebody clicks twice, a row is wrong."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from deploy.api_client import Api
from tests.browser.conftest import Running, screenshot, sign_in
from tests.browser.network import CARE, HOME, join, suggested
from tests.eventually import eventually

pytestmark = pytest.mark.timeout(240)
ROSTER = """staff number,name,e-mail,grade
4711,Ada Importance,ada@browser.example,Registrar
4712,Bela Brokenrow,bela@browser.example,Emperor
"""
MAPPING = f"""version: 1
sections:
  mentees:
    fields:
      external_id: {{column: staff number}}
      name: {{column: name}}
      email: {{column: e-mail}}
      stage: {{column: grade, values: {{Registrar: resident}}}}
    enrol:
      - programme: {CARE}
        roles: [mentee]
"""


async def test_a_session_that_ends_while_a_person_types_loses_nothing(running: Running, api: Api) -> None:
    mentee = await join(api, "Slow Typist", "mentee")
    async with running.visitor() as page:
        await sign_in(page, mentee.name)
        await page.goto("/profile/steps/story")
        await page.get_by_label("Your story").fill("A long story that took an hour.")
        await page.context.clear_cookies()
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.get_by_text("what you typed is kept")).to_be_visible()
        await screenshot(page, "session-ended")
        await sign_in(page, mentee.name, at="/sign-in?to=/profile/steps/story")
        await expect(page.get_by_label("Your story")).to_have_value("A long story that took an hour.")
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.get_by_text("A long story that took an hour.")).to_be_visible()


async def test_two_tabs_that_edit_one_profile_see_both_versions(running: Running, api: Api) -> None:
    mentee = await join(api, "Tabea Twotabs", "mentee")
    async with running.visitor() as page:
        await sign_in(page, mentee.name)
        other = await page.context.new_page()
        for tab in (page, other):
            await tab.goto("/profile/steps/topics")
        await other.get_by_label("What would you like to talk about?").fill("publishing")
        await other.get_by_role("button", name="Save", exact=True).click()
        await expect(other.get_by_role("heading", name="Tabea Twotabs")).to_be_visible()
        await page.get_by_label("What would you like to talk about?").fill("leadership")
        await page.get_by_role("button", name="Save", exact=True).click()
        warning = page.get_by_role("alert")
        await expect(warning).to_contain_text("publishing")
        await expect(warning).to_contain_text("leadership")
        await expect(page.get_by_label("What would you like to talk about?")).to_have_value("leadership")
        await screenshot(page, "two-versions")
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.get_by_role("listitem").filter(has_text="leadership")).to_be_visible()


async def test_a_form_sent_twice_takes_effect_once(running: Running, api: Api) -> None:
    mentee, mentor = await join(api, "Doris Doubleclick", "mentee"), await join(api, "Otto Onlyonce", "mentor")
    async with running.visitor() as page:
        await sign_in(page, mentee.name)
        await suggested(api, mentee, mentor)
        await page.goto(f"/mentors/{CARE}/{mentor.id}/ask")
        await page.get_by_role("button", name="Continue").click()
        await page.get_by_role("button", name="Send the request").dblclick()
        await expect(page.get_by_text("Waiting for an answer")).to_be_visible()
        requests = await api.member(HOME, mentee.id).pages("matching", "/me/requests")
        assert len(requests) == 1


async def test_a_number_that_is_none_is_explained_at_its_field(running: Running, api: Api) -> None:
    mentor = await join(api, "Nils Numberless", "mentor")
    async with running.visitor() as page:
        await sign_in(page, mentor.name)
        await page.goto("/profile/steps/meeting")
        await page.get_by_label("How many mentees at least").fill("2")
        await page.get_by_label("When do you usually have time?").fill("fri-17-20\nsat-09-12")
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.get_by_text("fri-17-20, sat-09-12")).to_be_visible()
        await page.goto("/profile/steps/meeting")
        await page.get_by_label("How many mentees at a time?").fill("99")
        await page.get_by_role("button", name="Save", exact=True).click()
        link = page.get_by_role("alert").get_by_role("link", name="Enter a whole number from 0 to 50.")
        await link.click()
        await expect(page.get_by_label("How many mentees at a time?")).to_be_focused()


async def test_a_roster_is_tried_corrected_and_imported(running: Running, tmp_path: Path) -> None:
    (tmp_path / "mentees.csv").write_text(ROSTER, encoding="utf-8")
    (tmp_path / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    async with running.visitor() as page:
        await sign_in(page, "Coordinator of Browser Hospital")
        await _upload(page, tmp_path, "Try it")
        await expect(page.get_by_role("cell", name="grade")).to_be_visible(timeout=60_000)
        await screenshot(page, "roster-tried")
        (tmp_path / "mentees.csv").write_text(ROSTER.replace("Emperor", "Registrar"), encoding="utf-8")
        await _upload(page, tmp_path, "Import")
        await page.goto("/members?name=Importance")
        await expect(page.get_by_role("link", name="Ada Importance")).to_be_visible()
        await page.get_by_role("link", name="Ada Importance").click()
        await page.get_by_role("button", name="Create an invitation").click()
        await expect(page.get_by_text("/invitation?code=")).to_be_visible()
        await screenshot(page, "member-invited")


async def _upload(page: Page, folder: Path, button: str) -> None:
    await page.goto("/rosters")
    await page.get_by_label("File", exact=True).set_input_files(folder / "mentees.csv")
    await page.get_by_label("Mapping", exact=True).set_input_files(folder / "mapping.yaml")
    await page.get_by_label("Section of the mapping").fill("mentees")
    await _submit(page, button)
    await _reload_until(page, "Done")


async def _submit(page: Page, button: str) -> None:
    """Waits for the page that answers: a reload while it comes is an error of the browser."""
    async with page.expect_navigation():
        await page.get_by_role("button", name=button, exact=True).click()


async def _reload_until(page: Page, text: str) -> None:
    async def is_shown() -> bool:
        await page.reload()
        return await page.get_by_text(text, exact=True).count() > 0

    await eventually(is_shown, within=60, message=text, every=0.25)


async def test_a_round_goes_from_opening_to_publication(running: Running, api: Api) -> None:
    await join(api, "Rona Roundmentee", "mentee")
    await join(api, "Rune Roundmentor", "mentor")
    async with running.visitor() as page:
        await sign_in(page, "Coordinator of Browser Hospital")
        await page.goto(f"/programmes/{CARE}/rounds")
        await page.get_by_label("As many mentees as possible").check()
        await _submit(page, "Open the round")
        await _reload_until(page, "Ready: publish or drop it")
        await expect(page.get_by_text("Mentees with a mentor")).to_be_visible()
        await screenshot(page, "round")
        await page.get_by_role("button", name="Publish …").click()
        await screenshot(page, "round-publish")
        await _submit(page, "Publish now")
        await _reload_until(page, "Published")
        await screenshot(page, "round-published")
