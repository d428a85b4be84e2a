"""The numbers of a programme over HTTP, from matching's events and mentorships, for one institution's coordinators."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from deploy.issuer import LocalIssuer
from services.mentorships.numbers.handlers import Reactions
from services.mentorships.numbers.repository import MongoNumbers
from shared import mongo
from shared.contracts.matching import AboutRequest, MentorRequested, Ranked, RequestDeclined, SuggestionsChanged
from shared.contracts.payload import Recipient
from tests.component.mentorships_kit import MENTEE, MENTOR, NORTH, PROGRAMME, MentorshipsService, erase, serving

PATH = f"/programmes/{PROGRAMME}/numbers"
EAST = Recipient(member="eve", institution="east")


@pytest.fixture
async def service(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[MentorshipsService]:
    async with serving(mongo_uri, kafka_bootstrap, issuer, "api") as running:
        for person in (MENTEE, MENTOR):
            await running.knows(person)
        await running.knows_programme()
        yield running


async def hears(
    service: MentorshipsService, event: AboutRequest | SuggestionsChanged, *, at: datetime | None = None
) -> None:
    repository, received = MongoNumbers(service.database, service.clock), service.received(event, at=at)
    if isinstance(event, SuggestionsChanged):
        assert await repository.fold_suggested([received]) == []
        return
    react = Reactions(repository.record).on_request_changed
    await mongo.in_transaction(service.database, lambda transaction: react(received, transaction))


def asked(id: str, *, mentee: Recipient = MENTEE) -> MentorRequested:
    expires_at = datetime(2027, 3, 1, tzinfo=UTC)
    return MentorRequested(request=id, programme=PROGRAMME, mentee=mentee, mentor=MENTOR, expires_at=expires_at)


def coordinator(service: MentorshipsService, *, institution: str = NORTH) -> dict[str, str]:
    return service.headers(Recipient(member="cora", institution=institution), roles=["institution_coordinator"])


async def test_requests_and_mentorships_of_the_own_institution_are_counted(service: MentorshipsService) -> None:
    await hears(service, asked("a"))
    await hears(service, asked("b"))
    await hears(service, asked("c", mentee=EAST))
    declined = RequestDeclined(request="b", programme=PROGRAMME, mentee=MENTEE, mentor=MENTOR, reason="no_time")
    await hears(service, declined)
    id = await service.opened()
    await service.post(MENTEE, f"/mentorships/{id}/leave")
    numbers = (await service.http.get(PATH, headers=coordinator(service))).json()
    assert (numbers["asked"], numbers["accepted"], numbers["began"]) == (2, 0, 1)
    assert numbers["unanswered"] == {"5-9": 0, "10-": 0}, "a cell of one is hidden"
    assert numbers["reasons"] == {}
    south = (await service.http.get(PATH, headers=coordinator(service, institution="south"))).json()
    assert south["asked"] == 3


def listed(mentee: Recipient, *, version: int, mentors: int = 1) -> SuggestionsChanged:
    ranked = [Ranked(mentor=f"m{rank}", institution=NORTH, rank=rank) for rank in range(1, mentors + 1)]
    return SuggestionsChanged(
        enrolment=f"{PROGRAMME}.{mentee.member}",
        programme=PROGRAMME,
        mentee=mentee.member,
        institution=mentee.institution,
        version=version,
        ranked=tuple(ranked),
        cause="own_change",
    )


async def test_a_mentee_counts_as_suggested_once_from_the_first_mentor_on_their_list(
    service: MentorshipsService,
) -> None:
    in_2026, in_2027 = datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)
    await hears(service, listed(MENTEE, version=1, mentors=0), at=in_2026)
    await hears(service, listed(MENTEE, version=2), at=in_2027)
    await hears(service, listed(MENTEE, version=3, mentors=2), at=datetime(2027, 9, 1, tzinfo=UTC))
    await hears(service, listed(EAST, version=1), at=in_2027)

    async def suggested(**span: str) -> int:
        answer = await service.http.get(PATH, params=span, headers=coordinator(service))
        return int(answer.json()["suggested"])

    assert await suggested() == 1
    assert await suggested(**{"from": "2027-01-01", "to": "2027-06-30"}) == 1
    assert await suggested(to="2026-12-31") == 0
    assert await suggested(**{"from": "2027-07-01"}) == 0
    exported = (await service.get(MENTEE, "/me/export")).json()["suggestions"]
    assert [each["programme"] for each in exported] == [PROGRAMME]
    await erase(service, MENTEE)
    await hears(service, listed(MENTEE, version=4))
    assert await suggested() == 0


async def test_only_what_began_in_the_time_counts(service: MentorshipsService) -> None:
    await hears(service, asked("a"), at=datetime(2026, 12, 31, 23, 59, tzinfo=UTC))
    await hears(service, asked("b"), at=datetime(2027, 6, 30, 23, 59, tzinfo=UTC))
    span = {"from": "2027-01-01", "to": "2027-06-30"}
    assert (await service.http.get(PATH, params=span, headers=coordinator(service))).json()["asked"] == 1
    turned = {"from": "2027-07-01", "to": "2027-06-30"}
    refused = await service.http.get(PATH, params=turned, headers=coordinator(service))
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "to")
    for odd in ({"from": "2027-02-01"}, {"to": "2027-06-29"}):
        [field] = odd
        refused = await service.http.get(PATH, params=odd, headers=coordinator(service))
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    far = await service.http.get(PATH, params={"to": "9999-12-31"}, headers=coordinator(service))
    assert far.status_code == 200


async def test_the_same_as_csv(service: MentorshipsService) -> None:
    for id in "abcde":
        await hears(service, asked(id))
    answer = await service.http.get(f"{PATH}.csv", headers=coordinator(service))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    lines = answer.text.split("\r\n")
    assert lines[:3] == ["number,value", "suggested,0", "asked,5"]
    assert "unanswered.0-4,5" in lines


async def test_only_coordinators_of_the_programme_read_the_numbers(service: MentorshipsService) -> None:
    limited = service.headers(
        Recipient(member="cora", institution=NORTH), roles=["coordinator"], programmes=["fellowship"]
    )
    assert (await service.http.get(PATH, headers=limited)).status_code == 403
    assert (await service.http.get(PATH, headers=service.headers(MENTEE))).status_code == 403
    assert (await service.http.get(PATH, headers=coordinator(service, institution="east"))).status_code == 404
