"""What a person reads of their mentorships: names, what is possible, and what is next, for the two people only."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from deploy.issuer import LocalIssuer
from shared.contracts.payload import Recipient
from tests.component.mentorships_kit import MENTEE, MENTOR, NORTH, PROGRAMME, SOUTH, MentorshipsService, serving

STRANGER = Recipient(member="sue", institution=SOUTH)
COORDINATOR = Recipient(member="cora", institution=NORTH)


@pytest.fixture
async def service(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[MentorshipsService]:
    async with serving(mongo_uri, kafka_bootstrap, issuer, "api") as running:
        for person in (MENTEE, MENTOR, STRANGER):
            await running.knows(person)
        await running.knows_programme()
        yield running


async def tasks(service: MentorshipsService, person: Recipient) -> dict[str, list[str]]:
    items = (await service.get(person, "/me/tasks")).json()["items"]
    return {each["mentorship"]: each["tasks"] for each in items}


async def test_tasks_follow_what_the_two_do(service: MentorshipsService) -> None:
    id = await service.opened()
    assert await tasks(service, MENTEE) == {id: ["draft_agreement", "plan_meetings"]}
    assert await tasks(service, STRANGER) == {}
    await service.post(MENTEE, f"/mentorships/{id}/agreement/draft", {"language": "en"})
    await service.post(MENTEE, f"/mentorships/{id}/agreement/versions/1/sign")
    starts = (service.clock.now() + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    plan = {"starts": starts, "zone": "UTC", "minutes": 45}
    series = (await service.post(MENTEE, f"/mentorships/{id}/meetings", plan)).json()
    assert await tasks(service, MENTEE) == {id: ["wait_for_signature", "wait_for_meetings"]}
    assert await tasks(service, MENTOR) == {id: ["answer_meetings", "sign_agreement"]}
    assert "agree" not in series["possible"]
    read = await service.get(MENTOR, f"/meetings/{series['id']}")
    assert "agree" in read.json()["possible"]
    headers = service.headers(MENTOR) | {"If-Match": read.headers["etag"]}
    await service.http.post(f"/meetings/{series['id']}/agree", headers=headers)
    item = (await service.get(MENTOR, "/me/tasks")).json()["items"][0]
    assert item["next_meeting_at"].startswith(starts)


async def test_a_meeting_that_is_over_is_listed_until_it_is_recorded(
    service: MentorshipsService,
) -> None:
    id = await service.opened()
    starts = (service.clock.now() + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
    plan = {"starts": starts, "zone": "UTC", "minutes": 45}
    series = (await service.post(MENTEE, f"/mentorships/{id}/meetings", plan)).json()["id"]
    tag = (await service.get(MENTOR, f"/meetings/{series}")).headers["etag"]
    await service.http.post(f"/meetings/{series}/agree", headers=service.headers(MENTOR) | {"If-Match": tag})
    service.clock.ahead = timedelta(hours=4)
    listed = (await service.get(MENTEE, f"/mentorships/{id}/meetings")).json()["items"][0]
    assert [meeting["id"] for meeting in listed["unrecorded"]] == [starts]
    assert "record_meeting" in (await tasks(service, MENTEE))[id]
    await service.post(MENTEE, f"/meetings/{series}/occurrences/{starts}/held")
    assert (await service.get(MENTEE, f"/meetings/{series}")).json()["unrecorded"] == []


async def test_the_two_read_names_and_what_is_possible_and_a_coordinator_neither(service: MentorshipsService) -> None:
    id = await service.opened()
    seen = (await service.get(MENTOR, f"/mentorships/{id}")).json()
    assert (seen["side"], seen["mentee"]["name"], seen["mentor"]["name"]) == ("mentor", "Mia", "Ada")
    assert "leave" in seen["possible"]
    headers = service.headers(COORDINATOR, roles=["coordinator"], programmes=[PROGRAMME])
    coordinated = (await service.http.get(f"/mentorships/{id}", headers=headers)).json()
    assert coordinated["possible"] == []
    assert "name" not in coordinated["mentee"]
    assert "side" not in coordinated


async def test_a_message_is_read_by_the_two_and_says_whether_the_reader_has_reported_it(
    service: MentorshipsService,
) -> None:
    id = await service.opened()
    sent = (await service.post(MENTEE, f"/mentorships/{id}/messages", {"text": "Hello."})).json()["id"]
    assert (await service.get(STRANGER, f"/messages/{sent}")).status_code == 404
    await service.post(MENTOR, f"/messages/{sent}/report", {"reason": "spam"})
    assert (await service.get(MENTOR, f"/messages/{sent}")).json()["reported"] is True
    assert "reported" not in (await service.get(MENTEE, f"/messages/{sent}")).json()
    assert (await service.get(MENTEE, f"/mentorships/{id}/messages")).json()["writable"] is True
