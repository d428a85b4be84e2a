"""Simulations on a real MongoDB with a real solver process: compared, applied by the programme's change, dropped."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from deploy.issuer import LocalIssuer
from shared.contracts.profiles import ProgrammeChanged, ProgrammeLimits, programme_weights
from tests.component import profiles_kit
from tests.component.matching_kit import (
    CARE,
    NORTH,
    SOUTH,
    Matching,
    institution,
    mentee,
    mentor,
    programme,
    running,
)
from tests.eventually import eventually

CARLA = "carla"
OTHER = {"weights": {"topics": 10}, "limits": {"list_length": 1}}


@pytest.fixture
async def matching(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    """Two institutions that exchange; milo offers what is wanted, mara is of the stage; a mentee of each."""
    async with running(mongo_uri, kafka_bootstrap, issuer, work=("rehearsals", "lists")) as matching:
        await matching.receive(institution(NORTH, exchanges_with=(SOUTH,)), institution(SOUTH, exchanges_with=(NORTH,)))
        await matching.receive(programme())
        await matching.join(mentor("mara"), mentor("milo", across_institutions=True))
        await matching.join(mentee("ana"), mentee("ben"), mentee("sid", SOUTH, across_institutions=True))
        yield matching


async def begin(matching: Matching, **draft: Any) -> httpx.Response:
    return await matching.post(f"/programmes/{CARE}/rehearsals", CARLA, role="coordinator", **(draft or OTHER))


async def see(matching: Matching, simulation: str) -> httpx.Response:
    return await matching.get(f"/rehearsals/{simulation}", CARLA, NORTH, "coordinator")


async def until(matching: Matching, simulation: str, state: str) -> dict[str, Any]:
    async def is_there() -> dict[str, Any] | None:
        seen = (await see(matching, simulation)).json()
        return seen if seen["state"] == state else None

    return await eventually(is_there, within=60, message=f"the simulation is {state}")


async def ready(matching: Matching, **draft: Any) -> dict[str, Any]:
    answer = await begin(matching, **draft)
    assert answer.status_code == 202, answer.text
    return await until(matching, answer.json()["id"], "ready")


async def test_a_draft_is_compared_with_today_and_applied_when_the_programme_equals_it(matching: Matching) -> None:
    seen = await ready(matching)
    result = seen["result"]
    mentees = {policy: figures["mentees"] for policy, figures in result["figures"].items()}
    assert mentees == {"today": 2, "draft": 2}, "without the other institution's mentee"
    assert (result["churn"]["lists_changed"], result["churn"]["left"], result["churn"]["first_changed"]) == (2, 2, 0)
    assert set(result) == {"rules", "figures", "churn", "change"}
    change = result["change"]
    assert (change["method"], change["path"], change["if_match"]) == ("PATCH", f"/programmes/{CARE}", '"1"')
    assert change["body"] == {
        "weights": programme_weights({"topics": 10}),
        "limits": {"list_length": 1, "minimum_score": 0},
    }
    assert await matching.facts() == []

    await matching.receive(programme(weights={"topics": 10}, limits=ProgrammeLimits(list_length=1)))
    await until(matching, seen["id"], "applied")


async def test_lists_after_applying_a_draft_equal_its_simulation(matching: Matching) -> None:
    """Seats taken, an ask that waits and people kept apart among them."""
    topics = [
        {"topics_offered": offered, "topics_wanted": offered} for offered in (("research",), ("research", "teaching"))
    ]
    people = [mentor(f"h{number}", capacity=2, **topics[number % 2]) for number in range(4)]
    await matching.join(*people, *(mentee(f"m{number}", **topics[number % 2]) for number in range(4)))
    await matching.answer_request("h0", await matching.request_mentor("m0", "h0"), "accept")
    await matching.request_mentor("m1", "h1")
    names = ["ana", "ben", *(f"m{number}" for number in range(4))]

    async def lists() -> dict[str, list[str]]:
        return {name: await matching.mentors_of(name) or [] for name in names}

    async def is_quiet() -> bool:
        return "h0" not in (await lists())["m0"] and all((await lists()).values())

    await eventually(is_quiet, message="everybody has a list, m0 one without their mentor")
    seen = await ready(matching, weights={"load": 100, "topics": 5}, limits={"list_length": 2})
    before, result = await lists(), seen["result"]
    weights: dict[str, Any] = {"weights": {"topics": 5}, "further_weights": {"load": 100}}
    await matching.receive(programme(limits=ProgrammeLimits(list_length=2), **weights))

    async def has_come() -> bool:
        after = await lists()
        return sum(before[name] != after[name] for name in names) == result["churn"]["lists_changed"]

    await eventually(has_come, message=f"as many lists change as was simulated: {result['churn']}")
    after = await lists()
    left = sum(len(set(before[name]) - set(after[name])) for name in names)
    entered = sum(len(set(after[name]) - set(before[name])) for name in names)
    assert (result["churn"]["left"], result["churn"]["entered"]) == (left, entered)
    assert result["churn"]["first_changed"] == sum(before[name][:1] != after[name][:1] for name in names)
    for side, made in (("today", before), ("draft", after)):
        assert result["figures"][side]["mentors_listed"] == len(
            {mentor for listed in made.values() for mentor in listed}
        )


async def test_profiles_accepts_the_simulated_change_unchanged_and_once(
    matching: Matching, mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    """Two services, and between them what profiles publishes and what the coordinator sends."""
    async with profiles_kit.running(mongo_uri, kafka_bootstrap, issuer) as profiles:
        north = await profiles.institution(NORTH)
        body = {"id": "there", "institution": NORTH, "name": "There", "weights": {"load": 7, "topics": 90}}
        await profiles.operator.post("/programmes", body)
        founded = (await north.get("/programmes/there")).json()
        assert founded["weights"] == programme_weights({"load": 7, "topics": 90})

        async def publish() -> None:
            *_, last = await profiles.rows("programmes", "there")
            await matching.receive(ProgrammeChanged(**json.loads(last["value"])))

        await publish()
        path = "/programmes/there/rehearsals"
        begun = await matching.post(path, CARLA, role="coordinator", weights={"experience": 60}, limits={})
        change = (await until(matching, begun.json()["id"], "ready"))["result"]["change"]
        version = int(change["if_match"].strip('"'))
        assert (await north.patch(change["path"], change["body"], version=version)).status_code == 200
        assert (await north.patch(change["path"], change["body"], version=version)).status_code == 412
        seen = (await north.get(change["path"])).json()
        assert (seen["weights"], seen["limits"]) == (change["body"]["weights"], change["body"]["limits"])
        assert (seen["weights"]["load"], seen["weights"]["experience"]) == (7, 60)
        await publish()
        await until(matching, begun.json()["id"], "applied")


async def test_a_changed_programme_drops_its_simulations(matching: Matching) -> None:
    seen = await ready(matching)
    await matching.receive(programme(weights={"topics": 20}))
    assert (await until(matching, seen["id"], "dropped"))["reason"] == "programme_changed"


async def test_dropping_a_draft_twice_is_harmless(matching: Matching) -> None:
    seen = await ready(matching)
    version = int((await see(matching, seen["id"])).headers["etag"].strip('"'))

    async def drop(version: int) -> httpx.Response:
        path = f"/rehearsals/{seen['id']}/drop"
        return await matching.post(path, CARLA, version=version, role="coordinator")

    assert (await drop(version - 1)).status_code == 412
    assert (await drop(version)).json()["reason"] == "by_coordinator"
    assert (await drop(version)).status_code == 200
    again = (await begin(matching, weights={"stage": 1})).json()
    page = await matching.get(f"/programmes/{CARE}/rehearsals", CARLA, NORTH, "coordinator")
    assert [item["id"] for item in page.json()["items"]] == [again["id"], seen["id"]]


async def test_a_programme_has_one_simulation_running_however_many_are_started(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    async with running(mongo_uri, kafka_bootstrap, issuer, work=()) as idle:
        await idle.receive(institution(NORTH), programme(), programme("other"))
        answers = await asyncio.gather(*(begin(idle, weights={"topics": number}) for number in range(1, 9)))
        [begun] = [answer.json()["id"] for answer in answers if answer.status_code == 202]
        refused = {(answer.status_code, answer.json()["type"]) for answer in answers if answer.status_code != 202}
        assert refused == {(409, "urn:preceptor:problem:rehearsal_running")}
        other = await idle.post("/programmes/other/rehearsals", CARLA, role="coordinator", **OTHER)
        assert other.status_code == 202, other.text
        dropped = await idle.post(f"/rehearsals/{begun}/drop", CARLA, version=1, role="coordinator")
        assert dropped.status_code == 200, dropped.text
        assert (await begin(idle)).status_code == 202


async def test_a_simulation_is_deleted_ninety_days_after_it_began(matching: Matching) -> None:
    indexes = await matching.database["rehearsals"].index_information()
    kept = indexes["kept_by_at"]
    assert (kept["key"], kept["expireAfterSeconds"]) == ([("at", 1)], 90 * 24 * 3600)
    begun = (await begin(matching)).json()["id"]
    found = await matching.database["rehearsals"].find_one({"_id": begun})
    assert isinstance(found["at"], datetime), "any other type is never removed"


async def test_an_invalid_draft_is_refused_with_what_would_be_right(matching: Matching) -> None:
    wrong = [101, -1, 1.5, "80", True, None, float("nan"), float("inf"), 10**400]
    drafts: list[dict[str, Any]] = [{"weights": {"topics": weight}} for weight in wrong]
    drafts += [{"weights": {"identity": 5}}, {"weights": {"rank": 1}}, {"limits": {"list_length": 11}}, {"limit": {}}]
    for draft in drafts:
        answer = await begin(matching, **draft)
        assert answer.status_code in (400, 422), (draft, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    same = await begin(matching, limits={"list_length": 10})
    assert (same.status_code, same.json()["type"]) == (422, "urn:preceptor:problem:draft_is_today")
    south = await matching.post(f"/programmes/{CARE}/rehearsals", "cora", SOUTH, role="coordinator", **OTHER)
    assert (south.status_code, south.json()["type"]) == (403, "urn:preceptor:problem:programme_not_owned")
    mine = (await begin(matching)).json()["id"]
    assert (await matching.get(f"/rehearsals/{mine}", "cora", SOUTH, "coordinator")).status_code == 404
