"""A person gets another sign-in: by a new invitation, or all people of an institution by the operator's command."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.issuer import ISSUER, LocalIssuer
from deploy.issuers import app
from shared.auth import subject_hash
from shared.clock import SystemClock
from tests.component.profiles_kit import Network, running

NEW = "https://login.new.example"


@pytest.fixture(scope="module")
async def network(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Network]:
    async with running(mongo_uri, kafka_bootstrap, issuer) as network:
        yield network


@pytest.fixture
def here() -> str:
    return f"i-{SystemClock().new_id()}"


async def test_a_coordinator_takes_a_sign_in_off_a_member_who_is_invited_again(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    person, seen = await network.bound(coordinator, here, "ada")
    await person.patch("/me", {"story": "I failed twice."}, version=seen["version"])
    path = f"/members/{seen['id']}"
    assert (await coordinator.post(f"{path}/invitations")).json()["type"] == "urn:preceptor:problem:member_bound"

    removed = await coordinator.delete(f"/sign-ins/{seen['id']}")
    assert (removed.status_code, removed.json()["has_sign_in"]) == (200, False)
    assert removed.headers["etag"] == (await coordinator.delete(f"/sign-ins/{seen['id']}")).headers["etag"], "once"
    assert (await person.get("/me")).json()["type"] == "urn:preceptor:problem:not_bound"
    for topic in ("preferences", "contacts"):
        assert '"subject_hash":null' in (await network.rows(topic, seen["id"]))[-1]["value"]

    code = (await coordinator.post(f"{path}/invitations")).json()["code"]
    again = network.sign_in("another-account", here, "member")
    accepted = await again.post("/invitations/accept", {"code": code})
    assert (accepted.status_code, accepted.json()["story"]) == (200, "I failed twice.")
    entries = await network.database["audit"].find({"institution": here}).to_list(None)
    by = subject_hash(ISSUER, f"coordinator-{here}")
    assert [(entry["what"], entry["who"], entry["member"]) for entry in entries] == [
        ("sign-in removed", by, seen["id"])
    ]


async def test_a_coordinator_cannot_become_the_member_whose_sign_in_they_took_off(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    _, seen = await network.bound(coordinator, here, "ada")
    assert (await coordinator.delete(f"/sign-ins/{seen['id']}")).status_code == 200
    code = (await coordinator.post(f"/members/{seen['id']}/invitations")).json()["code"]
    themselves = network.sign_in(f"coordinator-{here}", here, "member")
    refused = await themselves.post("/invitations/accept", {"code": code})
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:preceptor:problem:sign_in_removed_by_you")
    assert (await themselves.get(f"/members/{seen['id']}")).status_code == 404


async def test_a_coordinator_does_not_take_off_their_own_sign_in(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    member = await network.member(coordinator, "cleo")
    code = (await coordinator.post(f"/members/{member['id']}/invitations")).json()["code"]
    as_member = network.sign_in(f"coordinator-{here}", here, "member")
    assert (await as_member.post("/invitations/accept", {"code": code})).status_code == 200
    refused = await coordinator.delete(f"/sign-ins/{member['id']}")
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:preceptor:problem:own_sign_in")


async def test_only_a_coordinator_of_the_institution_takes_a_sign_in_off(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    person, seen = await network.bound(coordinator, here, "ada")
    stranger = await network.institution(f"{here}-other")
    path = f"/sign-ins/{seen['id']}"
    assert (await person.delete(path)).status_code == 403
    assert (await stranger.delete(path)).status_code == 404
    assert (await network.sign_in("hr", here, "integrator").delete(path)).status_code == 403
    assert (await person.get("/me")).status_code == 200


class Command:
    """The operator's command, with a registry that knows the new issuer for one institution."""

    def __init__(self, network: Network, uri: str, folder: Path, institution: str) -> None:
        registry = folder / "issuers.json"
        registry.write_text(json.dumps([{"issuer": NEW, "audience": "preceptor", "institutions": [institution]}]))
        self.environment = {
            "PROFILES_MONGO_URI": uri,
            "PROFILES_MONGO_DATABASE": network.database.name,
            "PROFILES_ISSUERS_FILE": str(registry),
        }
        self.folder, self.institution = folder, institution

    async def move(self, rows: str, *more: str, new: str = NEW, institution: str = "") -> tuple[int, str]:
        file = self.folder / "accounts.csv"
        file.write_text(rows)
        options = ["--institution", institution or self.institution, "--accounts", str(file), *more]
        arguments = ["move", ISSUER, new, *options]
        done = await asyncio.to_thread(CliRunner().invoke, app, arguments, env=self.environment)
        return done.exit_code, done.output


@pytest.fixture
def command(network: Network, mongo_uri: str, tmp_path: Path, here: str) -> Command:
    return Command(network, mongo_uri, tmp_path, here)


async def test_an_operator_moves_the_sign_ins_of_an_institution(network: Network, command: Command, here: str) -> None:
    coordinator = await network.institution(here)
    ada, seen = await network.bound(coordinator, here, "ada")
    ben, _ = await network.bound(coordinator, here, "ben")
    before = len(await network.rows("preferences", seen["id"]))
    rows = f"old_sub,new_sub\n{here}-ada,n-1\n{here}-nobody,n-2\n{here}-ben,n-3\n"

    code, shown = await command.move(rows, "--dry-run")
    assert (code, shown.splitlines()) == (
        0,
        [
            "2 moved",
            "1 not moved (no member of the institution has this sign-in or address): line 3",
            "nothing was changed",
        ],
    )
    assert (await ada.get("/me")).status_code == 200

    assert (await command.move(rows))[1].startswith("2 moved")
    stored = await network.database["members"].find_one({"_id": seen["id"]}) or {}
    assert stored["subject_hash"] == subject_hash(NEW, "n-1")
    assert [(await person.get("/me")).status_code for person in (ada, ben)] == [404, 404]
    published = await network.rows("preferences", seen["id"])
    assert len(published) == before + 1
    assert subject_hash(NEW, "n-1") in published[-1]["value"]
    assert await network.database["audit"].count_documents({"institution": here, "what": "sign-in moved"}) == 2

    assert (await command.move(rows))[1].splitlines()[:2] == ["0 moved", "2 moved before: nothing to do"]
    assert len(await network.rows("preferences", seen["id"])) == before + 1


async def test_members_are_moved_by_their_address_within_the_institution(
    network: Network, command: Command, here: str
) -> None:
    coordinator = await network.institution(here)
    ada, seen = await network.bound(coordinator, here, "ada")
    await network.member(coordinator, "eva")
    other = await network.institution(f"{here}-other")
    stranger, _ = await network.bound(other, f"{here}-other", "kim")
    rows = "email,new_sub\nADA@Example.org,n-1\neva@example.org,n-2\nkim@example.org,n-3\n"
    _, shown = await command.move(rows)
    assert shown.splitlines()[:1] == ["1 moved"]
    assert "invite them): line 3" in shown
    assert "no member of the institution has this sign-in or address): line 4" in shown
    assert "example.org" not in shown
    stored = await network.database["members"].find_one({"_id": seen["id"]}) or {}
    assert stored["subject_hash"] == subject_hash(NEW, "n-1")
    assert ((await ada.get("/me")).status_code, (await stranger.get("/me")).status_code) == (404, 200)


async def test_accounts_that_name_one_person_twice_are_not_moved(network: Network, command: Command, here: str) -> None:
    coordinator = await network.institution(here)
    people = [(await network.bound(coordinator, here, name))[0] for name in ("ada", "ben", "eva")]
    _, shown = await command.move(f"old_sub,new_sub\n{here}-ada,n-1\n{here}-ada,n-2\n{here}-ben,n-3\n{here}-eva,n-3\n")
    assert "4 not moved (several lines name this person): line 2, 3, 4, 5" in shown
    assert [(await person.get("/me")).status_code for person in people] == [200] * 3


async def test_a_sign_in_of_another_member_is_not_taken(network: Network, command: Command, here: str) -> None:
    coordinator = await network.institution(here)
    ada, _ = await network.bound(coordinator, here, "ada")
    await network.bound(coordinator, here, "ben")
    await command.move(f"old_sub,new_sub\n{here}-ben,n-1\n")
    assert (
        "another member has the new sign-in): line 2" in (await command.move(f"old_sub,new_sub\n{here}-ada,n-1\n"))[1]
    )
    assert (await ada.get("/me")).status_code == 200


async def test_a_move_that_cannot_be_meant_changes_nothing(network: Network, command: Command, here: str) -> None:
    coordinator = await network.institution(here)
    ada, _ = await network.bound(coordinator, here, "ada")
    good = f"old_sub,new_sub\n{here}-ada,n-1\n"
    refused = [
        await command.move(good, new=ISSUER),
        await command.move(good, new="https://login.unknown.example"),
        await command.move(good, institution="elsewhere"),
        await command.move(f"old_sub,email,new_sub\n{here}-ada,ada@example.org,n-1\n"),
        await command.move(f"old_sub\n{here}-ada\n"),
        await command.move(f"{good}{here}-ben,\n"),
        await command.move("email,new_sub\nada,n-1\n"),
        await command.move(""),
    ]
    assert [code for code, _ in refused] == [1] * len(refused)
    assert (await ada.get("/me")).status_code == 200
