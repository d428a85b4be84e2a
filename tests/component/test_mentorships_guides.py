"""Guides over HTTP: in the reader's language, ticked for oneself, replaced by an institution for its own members."""

from collections.abc import AsyncIterator

import pytest

from deploy.issuer import LocalIssuer
from shared.contracts.payload import Recipient
from tests.component.mentorships_kit import MENTEE, MENTOR, NORTH, MentorshipsService, serving

OWN = {"title": "How we end", "intro": "", "steps": ["Come to the summer party."], "sources": []}
PATH = "/institution/guides/ending-well/en"


@pytest.fixture
async def service(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[MentorshipsService]:
    async with serving(mongo_uri, kafka_bootstrap, issuer, "api") as running:
        for person in (MENTEE, MENTOR):
            await running.knows(person)
        yield running


async def titles(service: MentorshipsService, person: Recipient) -> list[str]:
    return [guide["title"] for guide in (await service.get(person, "/guides")).json()["items"]]


async def test_ticks_are_each_persons_own(service: MentorshipsService) -> None:
    for step in (1, 3):
        assert (await service.put(MENTEE, f"/guides/first-call/steps/{step}", None)).status_code == 200
    cleared = await service.http.delete("/guides/first-call/steps/1", headers=service.headers(MENTEE))
    assert cleared.json()["done"] == [3]
    for person, done in ((MENTEE, [3]), (MENTOR, [])):
        guides = (await service.get(person, "/guides")).json()["items"]
        assert next(guide["done"] for guide in guides if guide["id"] == "first-call") == done
    assert (await service.put(MENTEE, "/guides/first-call/steps/9", None)).status_code == 404
    assert (await service.put(MENTEE, "/guides/nothing/steps/1", None)).status_code == 404


async def test_an_institution_replaces_a_guide_for_its_own_members(service: MentorshipsService) -> None:
    cora = Recipient(member="cora", institution=NORTH)
    whole = service.headers(cora, roles=["institution_coordinator"])
    shipped = await service.http.get(PATH, headers=whole)
    assert (shipped.json()["title"], shipped.headers["etag"]) == ("Ending well", '"0"')
    replaced = await service.http.put(PATH, json=OWN, headers=whole | {"If-Match": '"0"'})
    assert (replaced.status_code, replaced.headers["etag"]) == (200, '"1"')
    assert "How we end" in await titles(service, MENTEE)
    assert "How we end" not in await titles(service, MENTOR)
    stale = await service.http.put(PATH, json=OWN, headers=whole | {"If-Match": '"0"'})
    assert stale.status_code == 412
    limited = service.headers(cora, roles=["coordinator"], programmes=["residency"])
    assert (await service.http.put(PATH, json=OWN, headers=limited | {"If-Match": '"1"'})).status_code == 403
    empty = await service.http.put(PATH, json=OWN | {"steps": []}, headers=whole | {"If-Match": '"1"'})
    assert empty.status_code == 422
