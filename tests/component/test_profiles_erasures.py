"""Erasures over HTTP on a real MongoDB: permissions, events, and that a kill at any step changes nothing."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from deploy.issuer import LocalIssuer
from services.profiles.privacy.erasure import repository as erasures
from services.profiles.privacy.erasure.domain import SERVICES
from services.profiles.privacy.erasure.handlers import Reactions
from services.profiles.privacy.erasure.repository import MongoErasureRepository
from services.profiles.privacy.erasure.worker import ErasureWorker
from services.profiles.republishing.repository.stale_heads import MongoStateRepository
from shared import failpoints, mongo
from shared.clock import SystemClock
from shared.contracts.envelope import Envelope, Received, Trace
from shared.contracts.matching import MatchingErasureCompleted
from shared.contracts.mentorships import MentorshipsErasureCompleted
from shared.contracts.notifications import NotificationsErasureCompleted
from shared.mongo import Document, Transaction
from tests.component.profiles_kit import Json, Network, Person, running

CLOCK = SystemClock()


@pytest.fixture(scope="module")
async def network(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Network]:
    async with running(mongo_uri, kafka_bootstrap, issuer) as network:
        yield network


@pytest.fixture
def here() -> str:
    return f"i-{CLOCK.new_id()}"


def problem(answer: object) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]  # type: ignore[attr-defined]


async def work_off(network: Network) -> None:
    """All that waits, as if its time had come."""
    past = {"$set": {"due_at": CLOCK.now() - timedelta(seconds=1)}}
    await network.database["erasures"].update_many({"state": "waiting"}, past)
    await ErasureWorker(MongoErasureRepository(network.database, CLOCK), CLOCK).work()


async def published(network: Network, member: str) -> None:
    """As the relay leaves the outbox."""
    rows = network.database["outbox"]
    mine = {"status": "pending", "key": {"$regex": f":{member}$"}}
    await rows.update_many(mine, {"$set": {"status": "sent", "sent_at": CLOCK.now()}})


async def receipts(network: Network, erasure: Json, here: str) -> None:
    def receive(transaction: Transaction, institution: str, id: str, *, service: str) -> None:
        erasures.receive(transaction, institution, id, service=service, now=CLOCK.now())

    reactions = Reactions(receive)
    for kind in (MatchingErasureCompleted, MentorshipsErasureCompleted, NotificationsErasureCompleted):
        event = kind(erasure=erasure["id"], member=erasure["member"], institution=here)
        envelope = Envelope(
            id=CLOCK.new_id(),
            type=kind.TYPE,
            institution=here,
            subject=event.aggregate,
            sequence=1,
            time=None,
            trace=Trace(correlation_id="c"),
        )
        received = Received(envelope, event)
        await mongo.in_transaction(network.database, lambda w, r=received: reactions.on_erasure_completed(r, w))  # type: ignore[misc]


async def delete_me(network: Network, person: Person) -> Json:
    headers = {"authorization": f"Bearer {person.token}", "idempotency-key": CLOCK.new_id()}
    answer = await network.client.delete("/me", headers=headers)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def test_a_member_asks_for_their_erasure_and_withdraws_it(network: Network, here: str) -> None:
    person, _ = await network.bound(await network.institution(here), here, "ada")
    assert problem(await person.get("/me/erasure")) == (404, "erasure_not_found")
    erasure = await delete_me(network, person)
    assert (await delete_me(network, person))["id"] == erasure["id"]
    assert (erasure["state"], erasure["requested_by"]) == ("waiting", "member")
    assert (await person.get("/me/erasure")).json() == erasure
    withdrawn = (await person.post("/me/erasure/withdraw")).json()
    assert (withdrawn["id"], withdrawn["state"]) == (erasure["id"], "withdrawn")
    await work_off(network)
    assert (await person.get("/me")).status_code == 200
    assert (await delete_me(network, person))["id"] != erasure["id"]


async def test_a_member_sees_a_coordinators_request_and_objects(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    person, seen = await network.bound(coordinator, here, "ada")
    asked = await coordinator.post(f"/members/{seen['id']}/erasure")
    assert (asked.status_code, asked.json()["requested_by"]) == (202, "coordinator")
    assert (await person.get("/me/erasure")).json() == asked.json()
    objected = (await person.post("/me/erasure/withdraw")).json()
    assert objected["state"] == "objected"
    assert (await coordinator.get(f"/erasures/{objected['id']}")).json() == objected
    assert problem(await coordinator.post(f"/erasures/{objected['id']}/withdraw")) == (409, "erasure_not_waiting")
    await work_off(network)
    assert (await person.get("/me")).status_code == 200


async def test_a_coordinators_request_is_published_once_and_a_members_own_never(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    seen = await network.member(coordinator, "ada")
    for _ in range(2):
        asked = (await coordinator.post(f"/members/{seen['id']}/erasure")).json()
    own, _ = await network.bound(coordinator, here, "ben")
    await delete_me(network, own)
    rows = (
        await network.database["outbox"]
        .find({"topic": "profiles.events", "key": {"$regex": f"^{here}:"}})
        .to_list(None)
    )
    [fact] = [json.loads(row["value"]) for row in rows]
    assert (fact["erasure"], fact["due_at"]) == (asked["id"], asked["due_at"])
    assert fact["recipients"] == [{"member": seen["id"], "institution": here}]


async def test_a_coordinators_withdrawal_is_published_and_a_members_objection_is_not(
    network: Network, here: str
) -> None:
    coordinator = await network.institution(here)
    person, seen = await network.bound(coordinator, here, "ada")
    published = []
    for by, path in ((coordinator, "/erasures/{}/withdraw"), (person, "/me/erasure/withdraw")):
        id = (await coordinator.post(f"/members/{seen['id']}/erasure")).json()["id"]
        await by.post(path.format(id))
        rows = network.database["outbox"].find({"topic": "profiles.events", "key": f"{here}:{id}"})
        facts = await rows.sort("sequence").to_list(None)
        published.append(
            [(row["sequence"], row["headers"]["ce_type"], json.loads(row["value"])["recipients"]) for row in facts]
        )
    to = [{"member": seen["id"], "institution": here}]
    request, withdrawal = (f"org.preceptor.profiles.erasure.{word}.v1" for word in ("requested", "withdrawn"))
    assert published == [[(1, request, to), (2, withdrawal, to)], [(1, request, to)]]


async def test_an_inactive_member_may_ask_for_their_erasure(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    person, seen = await network.bound(coordinator, here, "ada")
    await coordinator.post(f"/members/{seen['id']}/deactivate")
    assert (await delete_me(network, person))["state"] == "waiting"


async def test_only_a_coordinator_of_the_whole_institution_requests_anothers_erasure(
    network: Network, here: str
) -> None:
    coordinator = await network.institution(here)
    programme = (await coordinator.post("/programmes", {"name": "P"})).json()["id"]
    enrolments = [{"programme": programme, "roles": ["mentee"]}]
    person, seen = await network.bound(coordinator, here, "ada", enrolments=enrolments)
    path = f"/members/{seen['id']}/erasure"
    other, limited = await network.institution(f"{here}-o"), network.coordinator(here, programmes=[programme])
    assert problem(await limited.post(path)) == (403, "role_required")
    assert problem(await person.post(path)) == (403, "role_required")
    assert problem(await other.post(path)) == (404, "member_not_found")
    asked = (await coordinator.post(path)).json()
    seeing = f"/erasures/{asked['id']}"
    assert [(await client.get(seeing)).status_code for client in (coordinator, network.operator)] == [200, 200]
    assert [(await client.get(seeing)).status_code for client in (limited, person, other)] == [404, 404, 404]
    assert [(await client.get("/erasures")).status_code for client in (coordinator, limited, person)] == [200, 403, 403]
    assert [item["id"] for item in (await coordinator.get("/erasures")).json()["items"]] == [asked["id"]]


async def test_an_erased_member_leaves_tombstones_a_marker_and_nothing_else(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    person, seen = await network.bound(coordinator, here, "ada")
    version = (await person.patch("/me", {"story": "A secret."}, version=seen["version"])).json()["version"]
    erasure, id = await delete_me(network, person), seen["id"]
    await work_off(network)
    for topic in ("members", "preferences", "contacts", "mentoring"):
        *_, last = await network.rows(topic, id)
        assert (last["value"], last["sequence"]) == (None, len(await network.rows(topic, id)))
    [erased] = await network.rows("erasures", id)
    data = json.loads(erased["value"])
    assert (data["erasure"], data["mentoring_sequence"]) == (erasure["id"], last["sequence"])
    assert problem(await person.get("/me")) == (404, "not_bound")
    assert problem(await coordinator.get(f"/members/{id}")) == (404, "member_not_found")
    assert problem(await person.patch("/me", {"story": "Back."}, version=version)) == (404, "not_bound")
    assert await network.database["invitations"].count_documents({"member": id}) == 0
    again, _ = await network.bound(coordinator, here, "ada")  # the address and the sign-in are free
    assert (await again.get("/me")).json()["id"] != id


async def test_the_report_names_services_whose_receipt_is_outstanding(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    person, seen = await network.bound(coordinator, here, "ada")
    erasure, id = await delete_me(network, person), seen["id"]
    await work_off(network)
    path = f"/erasures/{erasure['id']}"
    report = (await coordinator.get(path)).json()
    assert (report["state"], report["outstanding"]) == ("carried_out", list(SERVICES))
    await published(network, id)
    await work_off(network)
    assert (await coordinator.get(path)).json()["outstanding"] == list(SERVICES[1:])
    rows: list[Document] = await network.rows("members", id)
    assert rows == []  # nothing of the profile waits in the outbox for its seven days
    for _ in range(2):  # a receipt may come twice
        await receipts(network, erasure, here)
    report = (await network.operator.get(path)).json()
    assert (report["state"], report["outstanding"]) == ("completed", [])
    assert sorted(report["receipts"]) == sorted(SERVICES)


@pytest.mark.parametrize("arrival", [1, 2, 3, 4])
async def test_a_process_killed_while_it_erases_loses_and_doubles_nothing(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, here: str, arrival: int
) -> None:
    async with running(mongo_uri, kafka_bootstrap, issuer) as network:
        coordinator = await network.institution(here)
        people = [await network.bound(coordinator, here, name) for name in ("ada", "ben")]
        for person, _ in people:
            await delete_me(network, person)
        for _, seen in people:
            await published(network, seen["id"])
        await network.database["erasures"].update_many({}, {"$set": {"due_at": CLOCK.now()}})
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.component.run_profiles_erasures", mongo_uri, network.database.name),
            env={**os.environ, failpoints.VARIABLE: f"profiles.erasures.after-commit:{arrival}"},
        )
        killed = await child.wait()
        assert killed == (-signal.SIGKILL if arrival <= 2 else 0)  # the receipts wait for the relay
        await work_off(network)
        for _, seen in people:
            for topic in ("members", "preferences", "contacts", "mentoring"):
                values = [row["value"] for row in await network.rows(topic, seen["id"])]
                assert values.count(None) == 1, topic
            assert len(await network.rows("erasures", seen["id"])) == 1
            await published(network, seen["id"])
        await work_off(network)
        states = [item["outstanding"] for item in (await coordinator.get("/erasures")).json()["items"]]
        assert states == [list(SERVICES[1:])] * 2


async def test_an_older_state_appended_behind_a_tombstone_is_followed_by_the_tombstone(
    network: Network, here: str
) -> None:
    person, seen = await network.bound(await network.institution(here), here, "ada")
    await delete_me(network, person)
    await work_off(network)
    await published(network, seen["id"])
    key, states = f"{here}:{seen['id']}", MongoStateRepository(network.database, CLOCK, holder="test")
    late = {"profiles.members": {key: 1}, "profiles.contacts": {key: 1}}
    assert await states.republish(late) == 2
    assert await states.republish(late) == 0
    for topic in ("members", "contacts"):
        rows = await network.rows(topic, seen["id"])
        assert [row["value"] for row in rows[-2:]] == [None, None]
        assert rows[-1]["sequence"] == rows[-2]["sequence"]
