"""What matching forgets of an erased member, when it says so, and what it exports of one who is there."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from deploy.issuer import LocalIssuer
from services.matching.feedback.documents import forget
from services.matching.mentoring.repository.due import MongoDueRepository
from services.matching.mentoring.worker import DueWorker
from services.matching.privacy.erasure.repository import MongoErasureRepository
from services.matching.privacy.erasure.usecases import ErasureReceiptWorker
from shared import failpoints
from shared.clock import SystemClock
from shared.contracts.profiles import MemberErased
from tests.component.matching_kit import (
    NORTH,
    Matching,
    asking,
    institution,
    mentee,
    mentor,
    programme,
    running,
    signed_in,
)
from tests.eventually import eventually

RECEIPT = ("erasure.completed", {"erasure": "e-ana", "member": "ana", "institution": NORTH})


@pytest.fixture
async def matching(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    async with asking(mongo_uri, kafka_bootstrap, issuer, work=("lists", "due", "erasures")) as matching:
        yield matching


def erased(member: str) -> MemberErased:
    return MemberErased(
        member=member,
        institution=NORTH,
        erasure=f"e-{member}",
        members_sequence=9,
        preferences_sequence=9,
        contacts_sequence=9,
    )


async def receipts(matching: Matching) -> list[tuple[str, dict[str, object]]]:
    return await matching.facts("erasure.completed")


async def work_off(matching: Matching) -> None:
    clock = SystemClock()
    await DueWorker(MongoDueRepository(matching.database, clock, forget=[forget]), clock).work()
    await ErasureReceiptWorker(MongoErasureRepository(matching.database, clock)).work()


async def test_an_erased_member_is_forgotten_and_a_receipt_is_published(matching: Matching) -> None:
    await matching.answer_request("mara", await matching.request_mentor("ana", "mara"), "accept")
    await matching.request_mentor("ana", "milo")
    await matching.receive(erased("ana"))
    await eventually(lambda: receipts(matching), message="the receipt")
    assert await receipts(matching) == [RECEIPT]
    database = matching.database
    for copy in ("participants", "preferences"):
        marker = await database[copy].find_one({"_id": "ana"})
        assert marker is not None
        assert set(marker) == {"_id", "institution", "sequence", "erased", "event", "correlation"}
    [(_, closed)] = await matching.facts("relationship.closed")
    assert (closed["reason"], [recipient["member"] for recipient in closed["recipients"]]) == ("mentee_left", ["mara"])
    assert await database["requests"].distinct("message", {"mentee.member": "ana"}) == [""]
    assert await database["lists"].count_documents({"mentee": "ana", "entries.0": {"$exists": True}}) == 0
    assert (await matching.get("/me/export", "ana", NORTH)).status_code == 404


async def test_no_old_record_brings_an_erased_member_back(matching: Matching) -> None:
    await matching.receive(erased("ana"))
    await eventually(lambda: receipts(matching))
    await matching.receive(mentee("ana"), signed_in(mentee("ana")), erased("ana"))
    for copy in ("participants", "preferences"):
        assert await matching.database[copy].count_documents({"_id": "ana", "erased": True}) == 1
    await eventually(matching.departures_are_handled)
    assert await receipts(matching) == [RECEIPT]


async def test_the_receipt_waits_until_the_members_list_is_empty(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    async with running(mongo_uri, kafka_bootstrap, issuer, work=()) as idle:
        await idle.join(mentee("ana"))
        listed = {"_id": "care.ana", "institution": NORTH, "mentee": "ana", "entries": [{"mentor": "mara"}]}
        await idle.database["lists"].insert_one(listed)
        await idle.receive(erased("ana"))
        await work_off(idle)
        assert await receipts(idle) == []
        await idle.database["lists"].update_one({"_id": "care.ana"}, {"$set": {"entries": []}})
        await work_off(idle)
        assert await receipts(idle) == [RECEIPT]


@pytest.mark.parametrize("arrival", [1, 2])
async def test_a_process_killed_while_it_forgets_loses_and_doubles_nothing(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, arrival: int
) -> None:
    async with running(mongo_uri, kafka_bootstrap, issuer, work=()) as idle:
        await idle.receive(institution(NORTH), programme())
        await idle.join(mentor("mara"), mentee("ana"))
        await idle.answer_request("mara", await idle.request_mentor("ana", "mara"), "accept")
        await idle.receive(erased("ana"))
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.component.run_matching_erasures", mongo_uri, idle.database.name),
            env={**os.environ, failpoints.VARIABLE: f"matching.erasures.after-commit:{arrival}"},
        )
        assert await child.wait() == -signal.SIGKILL
        await work_off(idle)
        assert len(await idle.facts("relationship.closed")) == 1
        assert await receipts(idle) == [RECEIPT]
        assert await idle.database["requests"].distinct("message") == [""]


async def test_a_member_exports_what_they_may_see_and_nothing_of_other_people(matching: Matching) -> None:
    await matching.receive(signed_in(mentor("milo"), never=("ben",), identity=("first-generation",)))
    await matching.until_list("ana", "mara", "milo")
    accepted = await matching.answer_request("mara", await matching.request_mentor("ana", "mara"), "accept")
    exported = (await matching.get("/me/export", "ana", NORTH)).json()
    assert exported["member"]["member"] == exported["preferences"]["member"] == "ana"
    assert [request["message"] for request in exported["requests"]] == ["May I?"]
    assert [relationship["id"] for relationship in exported["relationships"]] == [accepted["relationship"]]
    assert set(exported["lists"][0]["entries"][0]) == {"mentor", "institution", "rank"}
    assert "first-generation" not in str(exported)
    await matching.receive(mentee("ana", status="inactive"))
    assert (await matching.get("/me/export", "ana", NORTH)).json()["member"]["status"] == "inactive"
