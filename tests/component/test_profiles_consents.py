"""Institutions that name each other: what counts only once the other has agreed, and what an answer tells of others."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from deploy.issuer import LocalIssuer
from shared.clock import SystemClock
from tests.component.profiles_kit import Json, Network, Person, running


@dataclass(frozen=True, slots=True)
class Two:
    here: str
    there: str
    north: Person
    south: Person


@pytest.fixture(scope="module")
async def network(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Network]:
    async with running(mongo_uri, kafka_bootstrap, issuer) as network:
        yield network


@pytest.fixture
async def two(network: Network) -> Two:
    here, there = f"i{SystemClock().new_id()}", f"i{SystemClock().new_id()}"
    return Two(here, there, await network.institution(here), await network.institution(there))


async def _programme(two: Two, *admits: str) -> Json:
    answer = await two.north.post("/programmes", {"name": "Across", "admits": list(admits)})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def _published(network: Network, topic: str, id: str) -> Json:
    rows = await network.rows(topic, id)
    assert [row["sequence"] for row in rows] == list(range(1, len(rows) + 1))
    return dict(json.loads(rows[-1]["value"]))


async def _answers(by: Person, path: str) -> dict[str, str]:
    items = (await by.get(path)).json()["items"]
    return {item.get("programme") or item["member"]: item["answer"] for item in items}


async def test_a_programme_is_unknown_to_a_named_institution_until_it_agrees(network: Network, two: Two) -> None:
    programme = await _programme(two, two.there)
    path = f"/programmes/{programme['id']}"
    assert (programme["admits"], programme["awaiting"]) == ([two.here, two.there], [two.there])
    member = network.sign_in("sue", two.there, "member")
    for reader in (two.south, member):
        assert (await reader.get(path)).status_code == 404
        assert (await reader.get("/programmes")).json()["items"] == []
    assert (await _published(network, "programmes", programme["id"]))["admits"] == [two.here]
    assert await _answers(two.south, "/admissions") == {programme["id"]: "asked"}
    agreed = await two.south.post(f"/admissions/{programme['id']}/agree")
    assert (agreed.status_code, agreed.json()["answer"]) == (200, "agreed")
    assert (await member.get(path)).json()["admits"] == [two.here, two.there]
    assert (await _published(network, "programmes", programme["id"]))["admits"] == [two.here, two.there]
    assert (await two.north.get(path)).json()["awaiting"] == []
    assert (await two.south.post(f"/admissions/{programme['id']}/decline")).status_code == 200
    assert (await member.get(path)).status_code == 404
    assert (await _published(network, "programmes", programme["id"]))["admits"] == [two.here]
    seen = (await two.north.get(path)).json()
    assert seen["version"] == len(await network.rows("programmes", programme["id"]))


async def test_an_institution_that_is_named_again_is_asked_again(two: Two) -> None:
    programme = await _programme(two, two.there)
    path = f"/programmes/{programme['id']}"
    await two.south.post(f"/admissions/{programme['id']}/agree")
    assert (await two.north.patch(path, {"admits": []}, version=2)).status_code == 200
    assert (await two.south.get(path)).status_code == 404
    assert await _answers(two.south, "/admissions") == {}
    named = await two.north.patch(path, {"admits": [two.there]}, version=3)
    assert named.json()["awaiting"] == [two.there]
    kept = await two.north.patch(path, {"name": "Renamed"}, version=4)
    assert kept.json()["awaiting"] == [two.there]


async def test_only_partners_who_name_each_other_have_consented(two: Two) -> None:
    await two.north.patch(f"/institutions/{two.here}", {"exchanges_with": [two.there]}, version=1)
    assert (await _programme(two, two.there))["awaiting"] == [two.there]
    await two.south.patch(f"/institutions/{two.there}", {"exchanges_with": [two.here]}, version=1)
    agreed = await _programme(two, two.there)
    assert agreed["awaiting"] == []
    assert (await two.south.get(f"/programmes/{agreed['id']}")).status_code == 200
    await two.south.post(f"/admissions/{agreed['id']}/decline")
    assert (await two.south.get(f"/programmes/{agreed['id']}")).status_code == 404


async def test_an_affiliation_counts_after_the_named_institution_agrees(network: Network, two: Two) -> None:
    theirs = (await two.south.post("/programmes", {"name": "Theirs"})).json()["id"]
    member = await network.member(two.north, "ada", affiliations=[two.there])
    path, enrolments = f"/members/{member['id']}", [{"programme": theirs, "roles": ["mentee"]}]
    assert member["awaiting_affiliations"] == [two.there]
    assert (await _published(network, "members", member["id"]))["affiliations"] == []
    assert (await two.north.patch(path, {"enrolments": enrolments}, version=1)).status_code == 422
    assert await _answers(two.south, "/affiliations") == {member["id"]: "asked"}
    assert (await two.south.post(f"/affiliations/{member['id']}/agree")).status_code == 200
    assert (await _published(network, "members", member["id"]))["affiliations"] == [two.there]
    assert (await two.north.patch(path, {"enrolments": enrolments}, version=2)).status_code == 200
    assert (await two.south.get(path)).status_code == 404
    assert (await two.south.post(f"/affiliations/{member['id']}/decline")).status_code == 200
    published = await _published(network, "members", member["id"])
    assert (published["affiliations"], published["enrolments"]) == ([], [])


async def test_only_a_coordinator_of_the_named_institution_answers(network: Network, two: Two) -> None:
    programme = (await _programme(two, two.there))["id"]
    member = (await network.member(two.north, "ada", affiliations=[two.there]))["id"]
    third = await network.institution(f"i{SystemClock().new_id()}")
    for path in (f"/admissions/{programme}/agree", f"/affiliations/{member}/agree"):
        unknown = path.replace(programme, "unknown").replace(member, "unknown")
        for stranger in (third, two.north):
            answer, other = await stranger.post(path), await stranger.post(unknown)
            assert (answer.status_code, answer.json()) == (404, other.json())
        limited = network.coordinator(two.there, programmes=[programme])
        for sign_in in (limited, network.sign_in("sue", two.there, "member", "integrator"), network.operator):
            assert (await sign_in.post(path)).status_code == 403
    assert await _answers(third, "/admissions") == await _answers(third, "/affiliations") == {}


async def test_a_limited_coordinator_names_no_affiliations(network: Network, two: Two) -> None:
    programme = (await _programme(two))["id"]
    body = {"name": "Ada", "email": "ada@example.org", "affiliations": [two.there]}
    body |= {"enrolments": [{"programme": programme, "roles": ["mentee"]}]}
    assert (await network.coordinator(two.here, programmes=[programme]).post("/members", body)).status_code == 403


def _answer_without(answer: httpx.Response, *names: str) -> tuple[int, str]:
    """Without what the asker sent, and what is new in every answer."""
    text = answer.text
    for name in names:
        text = text.replace(name, "X")
    body = json.loads(text)
    return answer.status_code, json.dumps(
        {name: value for name, value in body.items() if name not in {"id", "version"}}
    )


async def test_no_answer_reveals_whether_another_institution_or_programme_exists(network: Network, two: Two) -> None:
    theirs = (await two.south.post("/programmes", {"id": f"{two.there}.care", "name": "Theirs"})).json()["id"]
    mine = await _programme(two)

    async def asked(institution: str, programme: str, turn: int) -> list[tuple[int, str]]:
        enrolments = [{"programme": programme, "roles": ["mentee"]}]
        person = {"name": "Ada", "email": "ada@example.org"}
        fields = "fields: {name: {column: n}, email: {column: e}}"
        roster = f"sections: {{people: {{{fields}, enrol: [{{programme: {programme}, roles: [mentee]}}]}}}}"
        answers = [
            await two.north.post("/programmes", {"name": "Mine", "admits": [institution]}),
            await two.north.post("/programmes", {"name": "Mine", "id": programme}),
            await two.north.patch(f"/programmes/{mine['id']}", {"admits": [institution]}, version=2 * turn - 1),
            await two.north.post("/members", {**person, "affiliations": [institution]}),
            await two.north.post("/members", {**person, "email": "bob@example.org", "enrolments": enrolments}),
            await two.north.patch(f"/institutions/{two.here}", {"exchanges_with": [institution]}, version=turn),
            await two.north.upload(b"n,e\nA,a@example.org\n", roster),
            await two.north.get(f"/programmes/{programme}"),
            await two.north.patch(f"/programmes/{programme}", {"name": "X"}, version=1),
            await two.north.get(f"/institutions/{institution}"),
            await two.north.get("/members", programme=programme),
            await two.north.post(f"/admissions/{programme}/agree"),
        ]
        await two.north.patch(f"/programmes/{mine['id']}", {"admits": []}, version=2 * turn)
        return [_answer_without(answer, programme, institution) for answer in answers]

    known = await asked(two.there, theirs, 1)
    await network.database["members"].delete_many({"institution": two.here})
    assert await asked(f"i{SystemClock().new_id()}", f"{two.there}.other", 2) == known


async def test_an_id_that_a_coordinator_chooses_begins_with_their_institution(network: Network, two: Two) -> None:
    for id in ("care", f"{two.there}.care", f"{two.here}care", two.here):
        answer = await two.north.post("/programmes", {"id": id, "name": "Care"})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "id")
    assert (await two.north.post("/programmes", {"id": f"{two.here}.care", "name": "Care"})).status_code == 201
    short = {"id": f"short-{two.here}", "name": "Care", "institution": two.here}
    assert (await network.operator.post("/programmes", short)).status_code == 201
    foreign = {"id": f"{two.there}.care", "name": "Care", "institution": two.here}
    assert (await network.operator.post("/programmes", foreign)).status_code == 422
