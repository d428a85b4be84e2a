"""A process dies after its effect and before its answer: a coordinator's repeated order is not refused."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from deploy.issuer import LocalIssuer
from services.matching.rounds.domain.lifecycle import File, Round
from services.matching.rounds.repository.rounds import MongoRoundRepository
from shared.clock import SystemClock
from shared.mongo import DuplicateKeyError
from tests.component.matching_kit import CARE, NORTH, Matching, institution, mentee, mentor, programme, running
from tests.component.rounds_api import CARLA, RoundsApi

KEY = "0190a8f0-one-key"
ORDERS = {"pins": [{"mentee": "ana", "mentor": "mara"}]}


@pytest.fixture
async def api(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, tmp_path: Path) -> AsyncIterator[RoundsApi]:
    async with running(mongo_uri, kafka_bootstrap, issuer, work=()) as matching:
        await matching.receive(institution(NORTH), programme(admits=(NORTH,)))
        await matching.join(mentor("mara"), mentee("ana"))
        yield RoundsApi(matching, tmp_path)


async def crash(matching: Matching) -> None:
    """What a process leaves that dies before its answers are kept, a minute later."""
    long_ago = SystemClock().now() - timedelta(seconds=61)
    left = {"$set": {"status": None, "at": long_ago}, "$unset": {"body": "", "headers": ""}}
    await matching.database["idempotency"].update_many({}, left)


async def order(
    api: RoundsApi, path: str, *, key: str = KEY, version: int | None = None, **body: object
) -> httpx.Response:
    return await api.matching.post(path, CARLA, key=key, version=version, role="coordinator", **body)


async def is_solved(api: RoundsApi, round: str) -> int:
    """As a worker would leave it; the version that a coordinator sees."""
    changed = {"$set": {"state": "pending"}, "$inc": {"version": 1}}
    await api.matching.database["rounds"].update_one({"_id": round}, changed)
    return int((await api.see(round))["version"])


async def test_a_repeated_choice_of_target_succeeds_after_another_choice(api: RoundsApi) -> None:
    round = await api.opened()
    seen = await is_solved(api, round)
    path = f"/rounds/{round}/target"
    assert (await order(api, path, version=seen, target="coverage")).status_code == 200
    since = await is_solved(api, round)
    assert (await order(api, path, key="another", version=since, target="fit")).status_code == 200
    await crash(api.matching)
    again = await order(api, path, version=seen, target="coverage")
    assert (again.status_code, again.json()["target"]) == (200, "fit"), "answered with what the round is by now"
    stranger = await order(api, path, key="third", version=seen, target="coverage")
    assert stranger.status_code == 412, "a sender who has not seen it is refused"


async def test_a_repeated_opening_returns_the_round_despite_impossible_orders(api: RoundsApi) -> None:
    path = f"/programmes/{CARE}/rounds"
    first = await order(api, path, **ORDERS)
    await api.matching.receive(mentor("mara", status="inactive"))
    await crash(api.matching)
    again = await order(api, path, **ORDERS)
    assert (again.status_code, again.json()) == (201, first.json())
    assert (await order(api, path, key="another", **ORDERS)).status_code == 422


async def test_a_repeated_repair_request_returns_the_finished_repair(api: RoundsApi) -> None:
    path = f"/programmes/{CARE}/repairs"
    first = await order(api, path)
    ended = {"$set": {"state": "dropped", "is_open": False}, "$inc": {"version": 1}}
    await api.matching.database["repairs"].update_one({}, ended)
    await crash(api.matching)
    again = await order(api, path)
    assert (again.status_code, again.json()["id"], again.json()["state"]) == (202, first.json()["id"], "dropped")


async def test_a_round_whose_id_is_taken_elsewhere_is_not_reported_as_opened(api: RoundsApi) -> None:
    database, clock = api.matching.database, SystemClock()
    new = Round(
        id=clock.new_id(),
        institution=NORTH,
        programme=CARE,
        began_at=clock.now(),
        target="fit",
        list_length=10,
        score_band=0,
        compare=False,
        orders=File(key="", size=0, sha256=""),
        correlation="c",
    )
    await database["rounds"].insert_one({"_id": new.id, "institution": "another", "programme": "another.care"})
    with pytest.raises(DuplicateKeyError):
        await MongoRoundRepository(database, clock).begin(new, b"{}")
