"""A process dies after its effect and before its answer: whoever sends a coordinator's order again is not refused."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from deploy.issuer import LocalIssuer
from shared.clock import SystemClock
from tests.component.matching_kit import CARE, NORTH, Matching, institution, mentee, mentor, programme, running
from tests.component.rounds_desk import CARLA, Desk

KEY = "0190a8f0-one-key"
ORDERS = {"pins": [{"mentee": "ana", "mentor": "mara"}]}


@pytest.fixture
async def desk(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, tmp_path: Path) -> AsyncIterator[Desk]:
    async with running(mongo_uri, kafka_bootstrap, issuer, work=()) as matching:
        await matching.say(institution(NORTH), programme(admits=(NORTH,)))
        await matching.join(mentor("mara"), mentee("ana"))
        yield Desk(matching, tmp_path)


async def crash(matching: Matching) -> None:
    """What a process leaves that dies before its answers are kept, a minute later."""
    long_ago = SystemClock().now() - timedelta(seconds=61)
    left = {"$set": {"status": None, "at": long_ago}, "$unset": {"body": "", "headers": ""}}
    await matching.database["idempotency"].update_many({}, left)


async def order(desk: Desk, path: str, *, key: str = KEY, version: int | None = None, **body: object) -> httpx.Response:
    return await desk.matching.post(path, CARLA, key=key, version=version, role="coordinator", **body)


async def is_solved(desk: Desk, round: str) -> int:
    """As a worker would leave it; the version that a coordinator sees."""
    changed = {"$set": {"state": "pending"}, "$inc": {"version": 1}}
    await desk.matching.database["rounds"].update_one({"_id": round}, changed)
    return int((await desk.see(round))["version"])


async def test_a_target_that_was_chosen_is_not_refused_because_another_was_chosen_since(desk: Desk) -> None:
    round = await desk.opened()
    seen = await is_solved(desk, round)
    path = f"/rounds/{round}/target"
    assert (await order(desk, path, version=seen, target="coverage")).status_code == 200
    since = await is_solved(desk, round)
    assert (await order(desk, path, key="another", version=since, target="fit")).status_code == 200
    await crash(desk.matching)
    again = await order(desk, path, version=seen, target="coverage")
    assert (again.status_code, again.json()["target"]) == (200, "fit"), "answered with what the round is by now"
    stranger = await order(desk, path, key="third", version=seen, target="coverage")
    assert stranger.status_code == 412, "whoever has not seen it is"


async def test_a_round_is_opened_once_though_its_orders_could_not_be_kept_any_more(desk: Desk) -> None:
    path = f"/programmes/{CARE}/rounds"
    first = await order(desk, path, **ORDERS)
    await desk.matching.say(mentor("mara", status="inactive"))
    await crash(desk.matching)
    again = await order(desk, path, **ORDERS)
    assert (again.status_code, again.json()) == (201, first.json())
    assert (await order(desk, path, key="another", **ORDERS)).status_code == 422


async def test_a_repair_that_was_asked_for_is_found_again_though_it_came_to_its_end(desk: Desk) -> None:
    path = f"/programmes/{CARE}/repairs"
    first = await order(desk, path)
    ended = {"$set": {"state": "dropped", "is_open": False}, "$inc": {"version": 1}}
    await desk.matching.database["repairs"].update_one({}, ended)
    await crash(desk.matching)
    again = await order(desk, path)
    assert (again.status_code, again.json()["id"], again.json()["state"]) == (202, first.json()["id"], "dropped")
