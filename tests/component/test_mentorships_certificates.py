"""The hours of a mentorship, and the mentor's certificate of them, which is signed and does not name the mentee."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import jwt
import pytest

from deploy.issuer import LocalIssuer
from services.mentorships.certificates.signing import ALGORITHM, TYPE
from shared.contracts.matching import RelationshipClosed
from shared.contracts.payload import Recipient
from tests.component.mentorships_kit import MENTEE, MENTOR, SOUTH, MentorshipsService, about, serving
from tests.component.test_mentorships_meetings import agree

STRANGER = Recipient(member="sue", institution=SOUTH)
NAMES = {MENTEE: "Dr Mia Mentee", MENTOR: "Dr Ada <b>Mentor</b>"}


@pytest.fixture
async def service(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[MentorshipsService]:
    async with serving(mongo_uri, kafka_bootstrap, issuer, "api") as running:
        for person in (MENTEE, MENTOR):
            await running.knows(person, name=NAMES[person])
        await running.knows(STRANGER)
        await running.knows_programme()
        yield running


async def held(service: MentorshipsService, mentorship: str, *minutes: int) -> None:
    """A meeting of each of these lengths was held, one a day."""
    for length in minutes:
        starts = f"{service.clock.now() + timedelta(days=1):%Y-%m-%dT%H:%M}"
        plan = {"starts": starts, "zone": "UTC", "minutes": length}
        series = (await service.post(MENTEE, f"/mentorships/{mentorship}/meetings", plan)).json()["id"]
        assert (await agree(service, MENTOR, series)).status_code == 200
        service.clock.ahead += timedelta(days=1, hours=1)
        answer = await service.post(MENTOR, f"/meetings/{series}/occurrences/{starts}/held")
        assert answer.status_code == 200, answer.text


async def ended(service: MentorshipsService, *minutes: int) -> str:
    id = await service.opened()
    await held(service, id, *minutes)
    await service.hears(RelationshipClosed(reason="goals_reached", **about(id)))
    return id


async def verified(service: MentorshipsService, signed: str) -> dict[str, Any]:
    """As docs/mentorships.md says, with the published keys and without a sign-in."""
    keys = jwt.PyJWKSet.from_dict((await service.http.get("/certificates/keys")).json())
    key = keys[jwt.get_unverified_header(signed)["kid"]]
    # The clock of these tests is ahead.
    return dict(jwt.decode(signed, key, algorithms=[ALGORITHM], options={"verify_iat": False}))


async def test_the_two_read_the_hours_of_the_meetings_that_were_held(service: MentorshipsService) -> None:
    id = await service.opened()
    await held(service, id, 30, 50)
    for person in (MENTEE, MENTOR):
        hours = (await service.get(person, f"/mentorships/{id}/hours")).json()
        assert ([meeting["minutes"] for meeting in hours["meetings"]], hours["minutes"]) == ([30, 50], 80)
    assert (await service.get(STRANGER, f"/mentorships/{id}/hours")).status_code == 404


async def test_a_certificate_is_verified_with_the_published_key_and_names_no_mentee(
    service: MentorshipsService,
) -> None:
    id = await ended(service, 30, 50)
    answer = await service.get(MENTOR, f"/mentorships/{id}/certificate")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store"), answer.text
    read = answer.json()
    claims = await verified(service, read["signed"])
    assert (claims["name"], claims["sub"], claims["role"]) == (NAMES[MENTOR], MENTOR.member, "mentor")
    assert (claims["meetings"], claims["minutes"], claims["programme"]) == (2, 80, "Residency")
    assert jwt.get_unverified_header(read["signed"])["typ"] == TYPE
    assert read | {"signed": ""} == {
        **{name: claims[name] for name in ("name", "institution", "programme", "began_on", "ended_on")},
        "id": claims["jti"],
        "meetings": 2,
        "minutes": 80,
        "signed": "",
    }
    for hidden in (NAMES[MENTEE], MENTEE.member, id):
        assert hidden not in json.dumps([claims, {**read, "signed": ""}])


async def test_an_altered_certificate_is_not_verified(service: MentorshipsService) -> None:
    id = await ended(service, 30)
    signed = (await service.get(MENTOR, f"/mentorships/{id}/certificate")).json()["signed"]
    header, _, signature = signed.split(".")
    other = jwt.encode({"minutes": 3_000}, "x" * 32, algorithm="HS256").split(".")[1]
    with pytest.raises(jwt.InvalidSignatureError):
        await verified(service, f"{header}.{other}.{signature}")


async def test_a_certificate_is_for_the_mentor_after_the_end_and_with_a_meeting(service: MentorshipsService) -> None:
    path = "/mentorships/{}/certificate"
    unmet, done = await ended(service), await ended(service, 30)
    going_on = await service.opened()
    for person, id, status, code in (
        (MENTEE, done, 403, "mentor_only"),
        (STRANGER, done, 404, "mentorship_not_found"),
        (MENTOR, going_on, 409, "mentorship_open"),
        (MENTOR, unmet, 409, "nothing_to_certify"),
    ):
        for suffix in ("", "/page"):
            refused = await service.get(person, path.format(id) + suffix)
            assert (refused.status_code, refused.json()["type"]) == (status, f"urn:preceptor:problem:{code}")


async def test_the_certificate_is_printed_in_two_languages_and_loads_nothing(service: MentorshipsService) -> None:
    path = f"/mentorships/{await ended(service, 30, 50)}/certificate/page"
    for language, words in (("en", "1 h 20 min"), ("de", "1 Std. 20 Min.")):
        page = await service.get(MENTOR, path, language=language)
        assert page.status_code == 200
        assert words in page.text
        assert "Dr Ada &lt;b&gt;Mentor&lt;/b&gt;" in page.text
        assert NAMES[MENTEE] not in page.text
        assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
