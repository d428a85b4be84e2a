"""A person's private calendar: read by its address only, and ended by its owner."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import icalendar
import pytest

from deploy.issuer import LocalIssuer
from services.mentorships.calendars.repository import forget
from services.mentorships.calendars.wiring import READS_AN_HOUR
from shared import mongo
from shared.contracts.matching import RelationshipClosed
from shared.contracts.payload import Recipient
from tests.component.mentorships_kit import MENTEE, MENTOR, SOUTH, MentorshipsService, about, serving
from tests.component.test_mentorships_flash import booked
from tests.component.test_mentorships_meetings import ZONE, agreed, proposed
from tests.component.test_mentorships_outreach import planned

STRANGER = Recipient(member="sue", institution=SOUTH)


@pytest.fixture
async def service(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[MentorshipsService]:
    async with serving(mongo_uri, kafka_bootstrap, issuer, "api") as running:
        for person in (MENTEE, MENTOR, STRANGER):
            await running.knows(person, time_zone=ZONE)
        await running.knows_programme()
        yield running


async def address(service: MentorshipsService, person: Recipient) -> str:
    answer = await service.post(person, "/me/calendar")
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    return str(answer.json()["path"])


async def read(service: MentorshipsService, path: str) -> httpx.Response:
    """As a calendar program: without a sign-in."""
    return await service.http.get(path)


def events(answer: httpx.Response) -> list[icalendar.Component]:
    assert answer.status_code == 200, answer.text
    return list(icalendar.Calendar.from_ical(answer.content).walk("VEVENT"))


async def test_a_calendar_program_reads_the_persons_agreed_meetings_without_a_sign_in(
    service: MentorshipsService,
) -> None:
    mentorship = await service.opened()
    series = await agreed(service, mentorship)
    await proposed(service, mentorship)
    answers = {
        person.member: await read(service, await address(service, person)) for person in (MENTEE, MENTOR, STRANGER)
    }
    assert answers["mia"].headers["cache-control"].startswith("private")
    found = {member: [str(event["uid"]) for event in events(answer)] for member, answer in answers.items()}
    uid = f"{series['id']}@preceptor"
    assert found == {"mia": [uid], "ada": [uid], "sue": []}
    assert str(events(answers["mia"])[0]["summary"]) == "Mentoring: Ada"


async def test_an_address_ends_when_it_is_renewed_or_revoked(service: MentorshipsService) -> None:
    assert (await service.get(MENTEE, "/me/calendar")).status_code == 404
    first = await address(service, MENTEE)
    second = await address(service, MENTEE)
    assert [(await read(service, path)).status_code for path in (first, second)] == [404, 200]
    assert (await service.get(MENTEE, "/me/calendar")).status_code == 200
    await service.http.delete("/me/calendar", headers=service.headers(MENTEE))
    assert (await read(service, second)).status_code == 404


async def test_the_token_is_stored_as_a_hash_only(service: MentorshipsService) -> None:
    path = await address(service, MENTEE)
    token = path.removeprefix("/calendar/").removesuffix(".ics")
    assert len(token) >= 43
    for name in await service.database.list_collection_names():
        assert token not in str(await service.database[name].find({}).to_list(None))


@pytest.mark.parametrize("token", ["x", "A" * 43, "%00", "..%2f..", "A" * 100])
async def test_an_unknown_token_is_not_found(service: MentorshipsService, token: str) -> None:
    assert (await read(service, f"/calendar/{token}.ics")).status_code in (400, 404)


async def test_an_ended_mentorship_stays_in_the_calendar_as_cancelled(service: MentorshipsService) -> None:
    mentorship = await service.opened()
    await agreed(service, mentorship)
    path = await address(service, MENTOR)
    await service.hears(RelationshipClosed(reason="goals_reached", **about(mentorship)))
    [event] = events(await read(service, path))
    assert str(event["status"]) == "CANCELLED"


async def test_an_unchanged_calendar_is_answered_304_and_a_changed_one_in_full(service: MentorshipsService) -> None:
    mentorship = await service.opened()
    await agreed(service, mentorship)
    path = await address(service, MENTEE)
    known = (await read(service, path)).headers["etag"]
    for sent in (known, f'"other", W/{known}', "*"):
        unchanged = await service.http.get(path, headers={"If-None-Match": sent})
        assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", known)
    await service.hears(RelationshipClosed(reason="goals_reached", **about(mentorship)))
    changed = await service.http.get(path, headers={"If-None-Match": known})
    assert changed.status_code == 200
    assert changed.headers["etag"] != known


async def test_an_address_that_is_read_too_often_waits_and_others_do_not(service: MentorshipsService) -> None:
    path, other = await address(service, MENTEE), await address(service, MENTOR)
    statuses = [(await read(service, path)).status_code for _ in range(READS_AN_HOUR)]
    assert set(statuses) == {200}
    refused = await read(service, path)
    assert (refused.status_code, refused.json()["type"]) == (429, "urn:preceptor:problem:calendar_read_too_often")
    assert (await read(service, other)).status_code == 200
    service.clock.ahead += timedelta(seconds=int(refused.headers["retry-after"]))
    assert (await read(service, path)).status_code == 200


async def test_an_erased_person_has_no_calendar(service: MentorshipsService) -> None:
    path = await address(service, MENTEE)
    await mongo.in_transaction(service.database, lambda transaction: forget(transaction, MENTEE.member))
    assert (await read(service, path)).status_code == 404


async def test_booked_flash_slots_and_outreach_visits_are_in_the_calendars_of_who_takes_part(
    service: MentorshipsService,
) -> None:
    await service.knows_roles(MENTOR, "mentor")
    slot = await booked(service)
    visit = await planned(service)
    paths = {person.member: await address(service, person) for person in (MENTEE, MENTOR, STRANGER)}

    async def shown() -> dict[str, set[tuple[str, str, str]]]:
        calendars = {member: events(await read(service, path)) for member, path in paths.items()}
        return {
            member: {(str(each["uid"]), str(each["summary"]), str(each["status"])) for each in found}
            for member, found in calendars.items()
        }

    talk, school = f"{slot}@preceptor", f"{visit}@preceptor"
    found = await shown()
    assert found["mia"] == {(talk, "Flash conversation: Ada", "CONFIRMED")}
    assert {each[0] for each in found["ada"]} == {talk, school}
    assert found["sue"] == set()
    await service.post(MENTOR, f"/flash-slots/{slot}/cancel")
    await service.post(MENTOR, f"/outreach-visits/{visit}/cancel")
    assert (await shown())["mia"] == {(talk, "Flash conversation: Ada", "CANCELLED")}
    assert {each[2] for each in (await shown())["ada"]} == {"CANCELLED"}
