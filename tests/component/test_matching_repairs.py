"""Repairs in the service, on a real MongoDB: somebody is displaced, planned, seen by a coordinator, and placed."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from deploy.issuer import LocalIssuer
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


@dataclass(frozen=True, slots=True)
class RepairsApi:
    matching: Matching

    async def post(self, path: str, *, version: int | None = None, **body: Any) -> httpx.Response:
        return await self.matching.post(path, CARLA, version=version, role="coordinator", **body)

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.matching.get(path, CARLA, NORTH, "coordinator", **query)

    async def pair(self, mentee: str, mentor: str) -> str:
        """The relationship's id."""
        accepted = await self.matching.answer_request(
            mentor, await self.matching.request_mentor(mentee, mentor), "accept"
        )
        return str(accepted["relationship"])

    async def until(self, state: str, *, displaced: int | None = None) -> dict[str, Any]:
        """The programme's newest repair, with its version."""

        async def is_there() -> dict[str, Any] | None:
            found = (await self.get(f"/programmes/{CARE}/repairs")).json()["items"]
            if not found or found[0]["state"] != state:
                return None
            if displaced is not None and found[0]["plan"]["displaced"] != displaced:
                return None
            seen = await self.get(f"/repairs/{found[0]['id']}")
            return {**seen.json(), "version": int(seen.headers["etag"].strip('"'))}

        return await eventually(is_there, within=60, message=f"a repair is {state}")

    async def steps(self, repair: dict[str, Any]) -> dict[str, list[tuple[str, str]]]:
        """By who is displaced: who goes to whom."""
        items = (await self.get(f"/repairs/{repair['id']}/steps")).json()["items"]
        return {
            item["mentee"]["member"]: [(each["mentee"]["member"], each["mentor"]["member"]) for each in item["moves"]]
            for item in items
        }

    async def act(self, repair: dict[str, Any], verb: str) -> httpx.Response:
        return await self.post(f"/repairs/{repair['id']}/{verb}", version=repair["version"])

    async def applied(self, repair: dict[str, Any]) -> dict[str, Any]:
        answer = await self.act(repair, "approve")
        assert answer.status_code == 200, answer.text
        return await self.until("applied")

    async def bonds(self) -> dict[str, str]:
        """Mentors by mentee, of relationships that take a seat."""
        found = self.matching.database["relationships"].find({"state": {"$in": ["active", "paused"]}})
        return {relationship["mentee"]["member"]: relationship["mentor"]["member"] async for relationship in found}

    async def displaced(self) -> dict[str, int]:
        """How often each was left behind."""
        found = self.matching.database["displacements"].find()
        return {displacement["mentee"]["member"]: displacement["left_before"] async for displacement in found}


@pytest.fixture
async def api(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[RepairsApi]:
    """Mara and Milo have a seat each, Moe two; nobody may be moved unless somebody says so."""
    work = ("repairs", "due")
    async with running(mongo_uri, kafka_bootstrap, issuer, work=work, overfull_seconds=0.2) as matching:
        await matching.receive(institution(NORTH, exchanges_with=(SOUTH,)), institution(SOUTH, exchanges_with=(NORTH,)))
        await matching.receive(programme())
        await matching.join(mentor("mara", capacity=1), mentor("milo", capacity=1), mentor("moe"))
        await matching.join(mentee("ana"), mentee("ben"), mentee("cleo"))
        yield RepairsApi(matching)


async def test_a_mentee_whose_mentor_leaves_is_placed_after_a_coordinators_approval(api: RepairsApi) -> None:
    held = await api.pair("ana", "mara")
    await api.pair("ben", "milo")
    await api.matching.receive(mentor("mara", status="inactive"))

    repair = await api.until("proposed")
    plan = repair["plan"]
    assert (plan["displaced"], plan["placed"], plan["left_behind"], plan["bystanders_moved"]) == (1, 1, 0, 0)
    assert await api.steps(repair) == {"ana": [("ana", "moe")]}
    assert await api.bonds() == {"ben": "milo"}

    await api.applied(repair)

    assert await api.bonds() == {"ana": "moe", "ben": "milo"}
    assert await api.matching.seats() == {"milo": 1, "moe": 1}
    assert await api.displaced() == {}
    planned, applied = [data for _, data in await api.matching.facts("repair.planned", "repair.applied")]
    assert (planned["bystanders_at_most"], planned["displaced"], planned["runs_by_itself"]) == (0, 1, False)
    assert planned["blocking_pairs"] == applied["blocking_pairs"] == plan["blocking_pairs"]
    assert (applied["placed"], applied["left_behind"], applied["bystanders_moved"]) == (1, 0, 0)
    [opened] = [data for _, data in await api.matching.facts("relationship.opened") if data.get("repair")]
    assert [recipient["member"] for recipient in opened["recipients"]] == ["ana", "moe"]
    [closed] = [data for _, data in await api.matching.facts("relationship.closed")]
    assert (closed["relationship"], closed["reason"]) == (held, "repaired")
    assert [recipient["member"] for recipient in closed["recipients"]] == ["mara"]


async def test_a_reduced_capacity_displaces_the_newest_mentee_once_placed_elsewhere(api: RepairsApi) -> None:
    await api.pair("ana", "moe")
    await api.pair("ben", "moe")
    await api.matching.receive(mentor("moe", capacity=1))
    repair = await api.until("proposed")
    assert list(await api.steps(repair)) == ["ben"]
    assert (await api.bonds())["ben"] == "moe"
    await api.applied(repair)
    bonds = await api.bonds()
    assert bonds["ana"] == "moe"
    assert bonds["ben"] != "moe"
    assert (await api.matching.seats())["moe"] == 1


async def test_a_displacement_that_no_longer_applies_is_dropped(api: RepairsApi) -> None:
    await api.pair("ana", "moe")
    await api.pair("ben", "moe")
    await api.matching.receive(mentor("moe", capacity=1))
    repair = await api.until("proposed")
    await api.matching.receive(mentor("moe", capacity=2))
    done = await api.applied(repair)
    assert done["state"] == "applied"
    assert await api.bonds() == {"ana": "moe", "ben": "moe"}
    assert await api.displaced() == {}
    [step] = (await api.get(f"/repairs/{repair['id']}/steps")).json()["items"]
    assert (step["state"], step["reason"]) == ("lapsed", "not_displaced")


async def test_a_mentors_reason_displaces_and_a_mentees_does_not(api: RepairsApi) -> None:
    by_mentor, by_mentee = await api.pair("ana", "mara"), await api.pair("ben", "milo")
    await api.matching.post(f"/relationships/{by_mentee}/close", "ben", reason="not_a_fit")
    await api.matching.post(f"/relationships/{by_mentor}/close", "mara", reason="no_time")
    assert await api.displaced() == {"ana": 0}
    repair = await api.until("proposed")
    [[(who, whom)]] = (await api.steps(repair)).values()
    assert who == "ana"
    assert whom != "mara"


async def test_a_mentee_who_loses_both_mentors_is_placed_twice_and_begins_no_group(api: RepairsApi) -> None:
    await api.matching.join(mentee("ana", mentors_wanted=2), mentor("gail", capacity=9, least_group=3))
    await api.pair("ana", "mara")
    await api.pair("ana", "milo")
    await api.matching.join(mentor("nils", capacity=1))
    displacements = api.matching.database["displacements"]

    async def are_planned() -> bool:
        return await displacements.count_documents({"planned": True}) == 2

    await api.matching.receive(mentor("mara", status="inactive"), mentor("milo", status="inactive"))
    await eventually(are_planned)
    first = await api.applied(await api.until("proposed", displaced=1))
    second = await api.applied(await api.until("proposed", displaced=1))
    assert first["id"] != second["id"]
    assert await api.matching.seats() == {"moe": 1, "nils": 1}
    assert await displacements.count_documents({}) == 0


async def left_behind(api: RepairsApi) -> None:
    """Ana lost Mara; Milo and Moe have no seat left."""
    await api.matching.receive(mentor("moe", capacity=1))
    await api.pair("ana", "mara")
    await api.pair("ben", "milo")
    await api.pair("cleo", "moe")
    await api.matching.receive(mentor("mara", status="inactive"))
    repair = await api.until("proposed")
    assert (repair["plan"]["placed"], repair["plan"]["left_behind"]) == (0, 1)
    [step] = (await api.get(f"/repairs/{repair['id']}/steps", state="left")).json()["items"]
    assert (step["mentee"]["member"], step["reason"]) == ("ana", "full")
    await api.applied(repair)
    assert await api.displaced() == {"ana": 1}


async def test_an_unplaced_mentee_comes_first_in_the_next_repair(api: RepairsApi) -> None:
    await left_behind(api)
    await api.matching.receive(mentor("milo", capacity=1, status="inactive"))
    await api.until("proposed", displaced=2)
    await api.matching.join(mentor("nils", capacity=1))
    await api.post(f"/programmes/{CARE}/repairs")
    repair = await api.until("proposed", displaced=2)
    steps = await api.steps(repair)
    assert (steps["ana"], steps["ben"]) == ([("ana", "nils")], [])


async def test_a_bystander_makes_room_where_the_coordinator_allows_one(api: RepairsApi) -> None:
    """Only Milo speaks Ana's language; Ben, whom he has, could go to Moe."""
    await api.matching.receive(mentor("milo", capacity=1, languages=("en", "de")))
    await api.matching.receive(mentor("mara", capacity=1, languages=("en", "de")), mentee("ana", languages=("de",)))
    await api.pair("ana", "mara")
    await api.pair("ben", "milo")
    await api.matching.receive(mentor("mara", capacity=1, languages=("en", "de"), status="inactive"))
    first = await api.until("proposed")
    assert await api.steps(first) == {"ana": []}
    answer = await api.post(f"/programmes/{CARE}/repairs", bystanders_at_most=1)
    assert (answer.status_code, answer.json()["id"]) == (202, first["id"])
    assert (await api.act(first, "approve")).status_code in (409, 412)

    repair = await api.until("proposed")
    assert await api.steps(repair) == {"ana": [("ana", "milo"), ("ben", "moe")]}
    assert (repair["bystanders_at_most"], repair["plan"]["bystanders_moved"]) == (1, 1)
    await api.applied(repair)

    assert await api.bonds() == {"ana": "milo", "ben": "moe"}
    assert await api.matching.seats() == {"milo": 1, "moe": 1}
    [(_, applied)] = await api.matching.facts("repair.applied")
    assert (applied["placed"], applied["bystanders_moved"]) == (1, 1)


async def test_a_step_is_carried_out_whole_or_not_at_all(api: RepairsApi) -> None:
    await api.matching.receive(mentor("milo", capacity=1, languages=("en", "de")))
    await api.matching.receive(mentor("mara", capacity=1, languages=("en", "de")), mentee("ana", languages=("de",)))
    await api.pair("ana", "mara")
    await api.pair("ben", "milo")
    await api.matching.receive(mentor("mara", capacity=1, languages=("en", "de"), status="inactive"))
    await api.until("proposed")
    await api.post(f"/programmes/{CARE}/repairs", bystanders_at_most=1)
    repair = await api.until("proposed")
    await api.matching.receive(mentor("moe", capacity=0))
    await api.applied(repair)
    assert await api.bonds() == {"ben": "milo"}
    assert await api.displaced() == {"ana": 1}


async def test_a_small_repair_runs_automatically_where_the_programme_allows(api: RepairsApi) -> None:
    await api.matching.receive(programme(repair_by_itself_up_to=1))
    await api.pair("ana", "mara")
    await api.matching.receive(mentor("mara", status="inactive"))
    repair = await api.until("applied")
    assert repair["runs_by_itself"]
    assert (await api.bonds())["ana"] != "mara"


async def test_a_mentee_displaced_while_a_plan_waits_is_in_its_next_version(api: RepairsApi) -> None:
    await api.pair("ana", "mara")
    await api.pair("ben", "milo")
    await api.matching.receive(mentor("mara", status="inactive"))
    first = await api.until("proposed", displaced=1)
    await api.matching.receive(mentor("milo", status="inactive"))
    second = await api.until("proposed", displaced=2)
    assert second["id"] == first["id"]
    assert (await api.act(first, "approve")).status_code == 412
    await api.applied(second)
    assert await api.bonds() == {"ana": "moe", "ben": "moe"}


async def test_a_dropped_plan_moves_no_mentee_and_can_be_requested_again(api: RepairsApi) -> None:
    await api.pair("ana", "mara")
    await api.matching.receive(mentor("mara", status="inactive"))
    repair = await api.until("proposed")
    assert (await api.act(repair, "drop")).json()["state"] == "dropped"
    assert await api.bonds() == {}
    again = (await api.post(f"/programmes/{CARE}/repairs")).json()
    assert again["id"] != repair["id"]
    assert (await api.until("proposed"))["plan"]["displaced"] == 1


async def test_a_displaced_mentee_who_found_a_mentor_is_left_alone(api: RepairsApi) -> None:
    await api.pair("ana", "mara")
    await api.matching.receive(mentor("mara", status="inactive"))
    repair = await api.until("proposed")
    await api.pair("ana", "milo")
    await api.applied(repair)
    assert await api.bonds() == {"ana": "milo"}


async def test_only_the_owners_coordinators_know_of_a_repair(api: RepairsApi) -> None:
    await api.pair("ana", "mara")
    await api.matching.receive(mentor("mara", status="inactive"))
    repair = await api.until("proposed")
    get, post = api.matching.get, api.matching.post
    for path in ("", "/steps"):
        known = await get(f"/repairs/{repair['id']}{path}", "xeno", SOUTH, "coordinator")
        unknown = await get(f"/repairs/nothing{path}", CARLA, NORTH, "coordinator")
        assert (known.status_code, known.json()) == (404, unknown.json())
        assert (await get(f"/repairs/{repair['id']}{path}", "ana", NORTH)).status_code == 403
    for verb in ("approve", "drop"):
        path = f"/repairs/{repair['id']}/{verb}"
        assert (await post(path, "xeno", SOUTH, version=repair["version"], role="coordinator")).status_code == 404
        assert (await post(path, CARLA, role="coordinator")).status_code == 428
    for body in ({"bystanders_at_most": -1}, {"bystanders_at_most": 101}, {"unknown": 1}):
        assert (await api.post(f"/programmes/{CARE}/repairs", **body)).status_code == 422
    assert (await post(f"/programmes/{CARE}/repairs", "xeno", SOUTH, role="coordinator")).status_code == 403
