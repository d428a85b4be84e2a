"""An import is undone over HTTP on a real MongoDB: added and changed members, later changes, kills, who may, when."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from deploy.issuer import LocalIssuer
from shared.clock import SystemClock
from tests.component.profiles_kit import Json, Network, Person, running
from tests.component.test_roster_import import MAPPING, csv, done, people
from tests.eventually import eventually


@pytest.fixture(scope="module")
async def network(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Network]:
    work = {"rosters": True, "erasures": True}
    async with running(mongo_uri, kafka_bootstrap, issuer, background=work) as network:
        yield network


@pytest.fixture
def here() -> str:
    """An institution that no other test knows."""
    return f"i{SystemClock().new_id()}"


async def undone(by: Person, roster: Json) -> Json:
    answer = await by.post(f"/rosters/{roster['id']}/undo")
    assert answer.status_code == 202, answer.text

    async def finished() -> Json:
        found: Json = (await by.get(f"/rosters/{roster['id']}")).json()
        return found if found["status"] == "undone" else {}

    return await eventually(finished, message="the import is undone")


async def imported(by: Person, *rows: str) -> Json:
    return await done(by, await by.upload(csv(*rows), MAPPING))


async def code(by: Person, roster: Json) -> tuple[int, str]:
    answer = await by.post(f"/rosters/{roster['id']}/undo")
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def test_added_members_are_erased_and_changed_ones_get_their_values_back(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    await imported(coordinator, "Ada,ada@example.org,7,R,research,2,")
    before = (await people(coordinator))["ada@example.org"]
    second = await imported(coordinator, "Ada L.,ada.l@example.org,7,A,sepsis,5,", "Bob,bob@example.org,8,R,,,")
    assert second["undo_until"] is not None

    roster = await undone(coordinator, second)

    assert (roster["undone"], roster["left"], roster["undo_until"]) == (2, 0, None)

    async def is_alone() -> bool:
        return set(await people(coordinator)) == {"ada@example.org"}

    await eventually(is_alone, message="the added member is erased")
    after = (await people(coordinator))["ada@example.org"]
    assert {**after, "version": 0} == {**before, "version": 0}
    again = await imported(coordinator, "Ada,ada@example.org,7,R,research,2,")
    assert again["counts"] == {"created": 0, "updated": 0, "unchanged": 1, "refused": 0}
    [newest, *_] = reversed(await network.rows("contacts", before["id"]))
    assert '"email":"ada@example.org"' in newest["value"]


async def test_what_was_changed_since_stays_and_is_listed(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    roster = await imported(coordinator, "Ada,ada@example.org,7,R,,,", "Bob,bob@example.org,8,R,,,")
    ada = (await people(coordinator))["ada@example.org"]
    await coordinator.patch(f"/members/{ada['id']}", {"capacity": 3}, version=1)
    after = await undone(coordinator, roster)
    assert (after["undone"], after["left"]) == (1, 1)
    [left] = (await coordinator.get(f"/rosters/{roster['id']}/rows", undone="left")).json()["items"]
    assert (left["line"], left["member"]) == (2, ada["id"])
    assert (await people(coordinator))["ada@example.org"]["capacity"] == 3


async def test_addresses_that_were_passed_on_come_back(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    await imported(coordinator, "Ada,ada@example.org,7,R,,,", "Bob,bob@example.org,8,R,,,")
    roster = await imported(coordinator, "Ada,bob@example.org,7,R,,,", "Bob,new@example.org,8,R,,,")
    after = await undone(coordinator, roster)
    assert (after["undone"], after["left"]) == (2, 0)
    assert {email: member["name"] for email, member in (await people(coordinator)).items()} == {
        "ada@example.org": "Ada",
        "bob@example.org": "Bob",
    }


async def test_a_worker_that_is_cut_off_undoes_every_row_once(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    rows = [f"P{number},p{number}@example.org,{number},R,,," for number in range(300)]
    roster = await done(coordinator, await coordinator.upload(csv(*rows), MAPPING))
    await coordinator.post(f"/rosters/{roster['id']}/undo")
    for _ in range(5):
        second = asyncio.ensure_future(network.service.background["rosters"]())
        await asyncio.sleep(0.05)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
    after = await undone(coordinator, roster)
    assert (after["undone"], after["left"]) == (300, 0)

    async def is_empty() -> bool:
        return not await people(coordinator)

    await eventually(is_empty, message="all are erased")
    assert await network.database["roster_rows"].count_documents({"institution": here, "undo": {"$exists": True}}) == 0


async def test_only_a_coordinator_undoes_an_import_of_the_last_day(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    tried = await done(coordinator, await coordinator.upload(csv("Ada,ada@example.org,7,R,,,"), MAPPING, dry_run=True))
    assert await code(coordinator, tried) == (409, "roster_tried_only")
    roster = await imported(coordinator, "Ada,ada@example.org,7,R,,,")
    assert await code(network.sign_in("hr", here, "integrator"), roster) == (403, "role_required")
    assert await code(await network.institution(f"{here}x"), roster) == (404, "roster_not_found")
    old = SystemClock().now() - timedelta(days=1)
    await network.database["rosters"].update_one({"_id": roster["id"]}, {"$set": {"finished_at": old}})
    assert await code(coordinator, roster) == (409, "roster_undo_over")


async def test_earlier_values_are_forgotten_after_a_day_and_with_the_member(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    await imported(coordinator, "Ada,ada@example.org,7,R,,,")
    await imported(coordinator, "Ada Lovelace,ada@example.org,7,R,,,")
    rows = network.database["roster_rows"]
    mine = {"institution": here, "undo": {"$exists": True}}
    assert await rows.count_documents(mine) == 2
    old = SystemClock().now() - timedelta(seconds=1)
    await rows.update_many(mine, {"$set": {"undo.until": old}})

    async def is_forgotten() -> bool:
        return await rows.count_documents(mine) == 0

    await eventually(is_forgotten, message="the earlier values are deleted")
