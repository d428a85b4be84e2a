"""Everybody of a programme is invited at once: by mail, whose codes nothing holds, or by links; and reminded."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from deploy.issuer import LocalIssuer
from services.profiles.invitations.domain import BETWEEN_MAILS
from services.profiles.invitations.repository.invitations import MongoInvitationRepository
from services.profiles.members.repository.members import MongoMemberRepository
from shared.clock import SystemClock
from shared.contracts.envelope import Trace
from shared.errors import StaleVersion
from shared.invitation_codes import code_of
from tests.component.profiles_kit import INVITATION_KEY, Json, Network, Person, running

_TO_ALL = {"way": "mail", "to": "not_invited"}
_REMINDER = {"way": "mail", "to": "waiting"}


@pytest.fixture(scope="module")
async def network(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Network]:
    async with running(mongo_uri, kafka_bootstrap, issuer) as network:
        yield network


@pytest.fixture
def here() -> str:
    """An institution that no other test knows."""
    return f"i{SystemClock().new_id()}"


async def founded(network: Network, here: str, *names: str) -> tuple[Person, str, list[Json]]:
    coordinator = await network.institution(here)
    programme = (await coordinator.post("/programmes", {"name": "Care"})).json()["id"]
    enrolled = [{"programme": programme, "roles": ["mentee"]}]
    members = [await network.member(coordinator, name, enrolments=enrolled) for name in names]
    return coordinator, f"/programmes/{programme}/invitations", members


async def invitation_of(network: Network, member: Json) -> str:
    found = await network.database["invitations"].find_one({"member": member["id"]})
    assert found is not None
    return str(found["invitation"])


async def test_an_invitation_by_mail_is_accepted_with_a_code_that_nothing_holds(network: Network, here: str) -> None:
    coordinator, path, [ada, _] = await founded(network, here, "ada", "bo")
    answer = await coordinator.post(path, _TO_ALL)
    assert answer.status_code == 200, answer.text
    assert [each["code"] for each in answer.json()["items"]] == ["", ""]
    id = await invitation_of(network, ada)
    code = code_of(id, key=INVITATION_KEY)
    [event] = await network.rows("events", id)
    assert code not in event["value"]
    assert (await coordinator.post(path, _TO_ALL)).json()["items"] == []
    accepted = await network.sign_in("ada", here, "member").post("/invitations/accept", {"code": code})
    assert accepted.json()["id"] == ada["id"]
    states = (await coordinator.get(path)).json()["items"]
    assert {each["name"]: (each["has_joined"], each["way"]) for each in states} == {
        "Ada": (True, "mail"),
        "Bo": (False, "mail"),
    }


async def a_day_passes(network: Network, institution: str) -> None:
    mailed = {"$set": {"mailed_at": SystemClock().now() - BETWEEN_MAILS}}
    await network.database["invitations"].update_many({"institution": institution}, mailed)


async def test_links_between_two_mails_do_not_shorten_the_time(network: Network, here: str) -> None:
    coordinator, path, [ada] = await founded(network, here, "ada")
    await coordinator.post(path, _TO_ALL)
    await coordinator.post(path, {"way": "link", "to": "waiting"})
    await coordinator.post(f"/members/{ada['id']}/invitations")
    answer = (await coordinator.post(path, _REMINDER)).json()
    assert (answer["items"], answer["mailed_lately"]) == ([], 1)


async def test_a_reminder_keeps_the_link_of_the_first_mail(network: Network, here: str) -> None:
    coordinator, path, [ada] = await founded(network, here, "ada")
    await coordinator.post(path, _TO_ALL)
    id = await invitation_of(network, ada)
    at_once = (await coordinator.post(path, _REMINDER)).json()
    assert (at_once["items"], at_once["mailed_lately"]) == ([], 1)
    await a_day_passes(network, here)
    assert len((await coordinator.post(path, _REMINDER)).json()["items"]) == 1
    assert (await coordinator.post(path, _REMINDER)).json()["mailed_lately"] == 1
    assert await invitation_of(network, ada) == id
    assert [row["sequence"] for row in await network.rows("events", id)] == [1, 2]
    [state] = (await coordinator.get(path)).json()["items"]
    assert state["reminders"] == 1
    code = {"code": code_of(id, key=INVITATION_KEY)}
    assert (await network.sign_in("ada", here, "member").post("/invitations/accept", code)).status_code == 200


async def test_links_are_in_the_answer_and_replace_a_mail(network: Network, here: str) -> None:
    coordinator, path, [ada] = await founded(network, here, "ada")
    await coordinator.post(path, _TO_ALL)
    mailed = code_of(await invitation_of(network, ada), key=INVITATION_KEY)
    [link] = (await coordinator.post(path, {"way": "link", "to": "waiting"})).json()["items"]
    person = network.sign_in("ada", here, "member")
    assert (await person.post("/invitations/accept", {"code": mailed})).status_code == 404
    assert (await person.post("/invitations/accept", {"code": link["code"]})).status_code == 200


async def test_members_of_other_programmes_and_institutions_are_not_invited(network: Network, here: str) -> None:
    coordinator, path, [ada] = await founded(network, here, "ada")
    programme = path.split("/")[2]
    other = (await coordinator.post("/programmes", {"name": "Research"})).json()["id"]
    both = [{"programme": id, "roles": ["mentee"]} for id in (programme, other)]
    await network.member(coordinator, "bo", enrolments=both)
    await network.member(coordinator, "cy")
    limited = network.coordinator(here, programmes=[programme])
    answer = (await limited.post(path, _TO_ALL)).json()
    assert ([each["member"] for each in answer["items"]], answer["refused"]) == ([ada["id"]], 1)
    elsewhere = await network.institution(f"{here}x")
    assert (await elsewhere.post(path, _TO_ALL)).status_code == 404
    assert (await network.coordinator(here, programmes=[other]).post(path, _TO_ALL)).status_code == 404
    assert (await network.sign_in("ada", here, "member").post(path, _TO_ALL)).status_code == 403


async def test_a_reminder_that_meets_an_acceptance_leaves_that_member_out(network: Network, here: str) -> None:
    coordinator, path, [ada, bo] = await founded(network, here, "ada", "bo")
    await coordinator.post(path, _TO_ALL)
    await a_day_passes(network, here)
    code = {"code": code_of(await invitation_of(network, ada), key=INVITATION_KEY)}
    accepted, reminded = await asyncio.gather(
        network.sign_in("ada", here, "member").post("/invitations/accept", code), coordinator.post(path, _REMINDER)
    )
    assert (accepted.status_code, reminded.status_code) == (200, 200)
    database = network.database
    members = MongoMemberRepository(database, SystemClock())
    repository = MongoInvitationRepository(database, members, SystemClock())
    [used] = await repository.invitations_of(here, ada["id"])
    with pytest.raises(StaleVersion):
        await repository.invite_many([used], Trace(correlation_id="c"))
    await a_day_passes(network, here)
    [again] = (await coordinator.post(path, _REMINDER)).json()["items"]
    assert again["member"] == bo["id"]
