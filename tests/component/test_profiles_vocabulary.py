"""The vocabulary over HTTP, against a real database: who may change what, who reads what, and what is unknown."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from deploy.issuer import LocalIssuer
from deploy.vocabulary.__main__ import app
from services.profiles.vocabulary.domain.vocabulary import MOST_NAMES
from tests.component.profiles_kit import Json, Network, Person, running

CAREER = {"id": "career-development", "kind": "topic", "labels": {"en": "Career development"}}


@pytest.fixture
async def network(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Network]:
    async with running(mongo_uri, kafka_bootstrap, issuer) as network:
        yield network


async def create(network: Network, **fields: Any) -> httpx.Response:
    return await network.operator.post("/vocabulary/terms", {**CAREER, **fields})


async def set_names(by: Person, term: str, *names: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {by.token}"}
    return await by.client.put(f"/vocabulary/terms/{term}/names", json={"names": names}, headers=headers)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def test_operators_change_terms_and_each_institution_its_own_names(network: Network) -> None:
    north, south = await network.institution("north"), await network.institution("south")
    assert (await create(network)).status_code == 201
    assert code(await create(network)) == (409, "term_exists")
    assert code(await north.post("/vocabulary/terms", {**CAREER, "id": "other"})) == (403, "role_required")
    named = await set_names(north, CAREER["id"], "Karriereplanung")
    assert named.json()["institution_names"] == {"north": ["Karriereplanung"]}
    assert (await south.get("/vocabulary/terms/career-development")).json()["institution_names"] == {}
    assert (await network.operator.get("/vocabulary/terms")).json()["items"][0]["institution_names"] != {}
    clash = await create(network, id="karriereplanung")
    assert code(clash) == (422, "term_invalid")
    assert "career-development" in clash.json()["errors"][0]["message"]
    changed = await network.operator.patch(
        "/vocabulary/terms/career-development", {"other_names": ["Careers"]}, version=2
    )
    assert (changed.status_code, changed.json()["version"]) == (200, 3)
    stale = await network.operator.patch("/vocabulary/terms/career-development", {"other_names": []}, version=2)
    assert stale.status_code == 412
    assert code(await set_names(network.coordinator("north", ["care"]), CAREER["id"])) == (403, "role_required")
    assert (await set_names(north, CAREER["id"])).json()["institution_names"] == {}
    rows = await network.rows("vocabulary", "career-development")
    assert [row["headers"]["ce_sequence"] for row in rows] == ["1", "2", "3", "4"]
    assert json.loads(rows[1]["value"])["institution_slugs"] == {"north": ["karriereplanung"]}


async def test_of_concurrent_changes_that_give_one_name_to_two_terms_one_is_refused(network: Network) -> None:
    await network.institution("north")
    ids = [f"term-{number}" for number in range(8)]
    answers = await asyncio.gather(*(create(network, id=id, other_names=["The one"]) for id in ids))
    assert sorted(answer.status_code for answer in answers) == [201] + [422] * 7


async def test_an_edition_is_added_once_and_leaves_what_people_changed(network: Network) -> None:
    await create(network, labels={"en": "Careers"})
    edition = {"terms": [CAREER, {**CAREER, "id": "narrow", "labels": {"en": "Narrow"}, "broader": ["wide"]}]}
    edition["terms"].append({**CAREER, "id": "wide", "labels": {"en": "Wide"}})
    first, second = [await network.operator.post("/vocabulary/editions", edition) for _ in range(2)]
    assert first.json() == {"created": 2, "existing": 1}
    assert second.json() == {"created": 0, "existing": 3}
    kept = await network.operator.get("/vocabulary/terms/career-development")
    assert kept.json()["labels"] == {"en": "Careers"}


async def test_unknown_names_are_counted_for_the_institution_and_for_the_network(network: Network) -> None:
    north, south = await network.institution("north"), await network.institution("south")
    await create(network)
    await network.member(north, "ada", topics_offered=["karriereplanung"], topics_wanted=["karriereplanung", "sepsis"])
    await network.member(north, "ben", topics_wanted=["karriereplanung", "career_development"])
    await network.member(south, "sue", topics_offered=["carer-development", "karriereplanung"])

    async def unknown(by: Person) -> list[Json]:
        return [
            (found["name"], found["members"], found["nearest"])
            for found in (await by.get("/vocabulary/unknown")).json()["names"]
        ]

    assert await unknown(north) == [("karriereplanung", 2, []), ("sepsis", 1, [])]
    assert await unknown(network.operator) == [
        ("karriereplanung", 3, []),
        ("carer-development", 1, ["career-development"]),
        ("sepsis", 1, []),
    ]
    await set_names(north, CAREER["id"], "karriereplanung")
    assert await unknown(north) == [("sepsis", 1, [])]
    assert [name for name, _, _ in await unknown(network.operator)] == [
        "carer-development",
        "karriereplanung",
        "sepsis",
    ]
    limited = network.coordinator("north", ["care"])
    assert code(await limited.get("/vocabulary/unknown")) == (403, "role_required")


async def test_two_coordinators_who_add_a_name_at_the_same_time_keep_both(network: Network) -> None:
    await create(network)
    north, names = await network.institution("north"), [f"name-{number}" for number in range(MOST_NAMES)]
    path = "/vocabulary/terms/career-development/names"
    answers = await asyncio.gather(*(north.post(path, {"name": name}) for name in names[:5]))
    assert {answer.status_code for answer in answers} == {200}
    for name in names[4:]:
        await north.post(path, {"name": name})
    kept = (await north.get("/vocabulary/terms/career-development")).json()["institution_names"]["north"]
    assert sorted(kept) == sorted(names)
    assert code(await north.post(path, {"name": "one-more"})) == (422, "term_invalid")
    assert code(await network.coordinator("north", ["care"]).post(path, {"name": "x"})) == (403, "role_required")


async def test_the_operators_command_adds_the_first_edition_once(
    network: Network, mongo_uri: str, tmp_path: Path
) -> None:
    async def run(*arguments: str) -> tuple[int, str]:
        variables = {"PROFILES_MONGO_URI": mongo_uri, "PROFILES_MONGO_DATABASE": network.database.name}
        done = await asyncio.to_thread(CliRunner().invoke, app, list(arguments), env=variables)
        return done.exit_code, done.output.strip()

    await create(network)
    assert await run() == (0, "171 terms were added; 1 exist already and stay as they are")
    assert await run() == (0, "0 terms were added; 172 exist already and stay as they are")
    kept = await network.operator.get("/vocabulary/terms/career-development")
    assert kept.json()["labels"] == CAREER["labels"]
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("topics: [{id: other, en: Career planning, de: Anderes}]", encoding="utf-8")
    code_, output = await run(str(wrong))
    assert (code_, "means the term career-planning already" in output) == (1, True), output
    assert await network.database["audit"].count_documents({"what": "add vocabulary done", "created": 171}) == 1
