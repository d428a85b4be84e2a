"""A roster goes in over HTTP and is worked off on a real MongoDB."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.issuer import LocalIssuer
from shared.clock import SystemClock
from shared.csv_lines import csv_line
from shared.spreadsheets.tables import ADVICE_COLUMN, LINE_COLUMN
from tests.component.profiles_kit import Json, Network, Person, running
from tests.conftest import missing
from tests.eventually import eventually

ROOT = Path(__file__).parent.parent.parent
CIVIL_SERVICE = ROOT.parent / "shared" / "data" / "civil-service"
MAPPING = """
sections:
  people:
    fields:
      name: {column: name}
      email: {column: email}
      external_id: {column: staff number}
      stage: {column: grade, values: {R: resident, A: attending}}
      topics_wanted: {column: wants, split: ;, slug: true}
      capacity: {column: places, default: "1"}
      languages: {constant: [en]}
    ignore: [pronouns]
"""
HEADER = "name,email,staff number,grade,wants,places,pronouns\n"


@pytest.fixture(scope="module")
async def network(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Network]:
    async with running(mongo_uri, kafka_bootstrap, issuer, background={"rosters": True}) as network:
        yield network


@pytest.fixture
def here() -> str:
    """An institution that no other test knows."""
    return f"i{SystemClock().new_id()}"


def csv(*rows: str) -> bytes:
    return (HEADER + "".join(row + "\n" for row in rows)).encode()


async def done(by: Person, uploaded: httpx.Response, *, within: float = 30) -> Json:
    assert uploaded.status_code == 202, uploaded.text

    async def finished() -> Json:
        roster: Json = (await by.get(uploaded.headers["location"])).json()
        return roster if roster["status"] == "done" else {}

    return await eventually(finished, within=within, message="the roster is worked off")


async def verdicts(by: Person, roster: Json, **query: Any) -> list[Json]:
    return list((await by.get(f"/rosters/{roster['id']}/rows", **query)).json()["items"])


async def people(by: Person) -> dict[str, Json]:
    return {member["email"]: member for member in (await by.get("/members", limit=200)).json()["items"]}


async def test_every_row_has_a_verdict_and_valid_rows_become_members(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    file = csv(
        "Ada,ada@example.org,7,R,Research Methods; Work-Life Balance,,she",
        "Bob,bob@example.org,8,Z,,,",
        '"Cy\n(the second)",cy@example.org,9,A,,3,',
        "Dee,dee,10,A,,60,",
    )
    uploaded = await coordinator.upload(file, MAPPING)
    roster = await done(coordinator, uploaded)
    assert roster["counts"] == {"created": 1, "updated": 0, "unchanged": 0, "refused": 3}
    rows = await verdicts(coordinator, roster)
    assert [(row["line"], row["verdict"]) for row in rows] == [
        (2, "created"),
        (3, "refused"),
        (4, "refused"),
        (6, "refused"),
    ]
    assert rows[1]["reasons"] == [{"column": "grade", "message": "is not a value that the mapping translates: R, A"}]
    assert rows[2]["reasons"] == [{"column": "name", "message": "must not contain LINE FEED (U+000A), at character 3"}]
    assert [reason["column"] for reason in rows[3]["reasons"]] == ["email", "places"]
    members = await people(coordinator)
    assert members["ada@example.org"]["topics_wanted"] == ["research-methods", "work-life-balance"]
    assert members["ada@example.org"]["capacity"] == 1
    assert [row["line"] for row in await verdicts(coordinator, roster, verdict="refused", limit=1)] == [3]


async def test_importing_the_same_file_again_publishes_nothing(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    file = csv("Ada,ada@example.org,7,R,research,2,", "Bob,bob@example.org,,A,,,")
    await done(coordinator, await coordinator.upload(file, MAPPING))
    before = await network.database["outbox"].count_documents({"institution": here})
    again = await done(coordinator, await coordinator.upload(file, MAPPING))
    assert again["counts"] == {"created": 0, "updated": 0, "unchanged": 2, "refused": 0}
    assert await network.database["outbox"].count_documents({"institution": here}) == before
    assert all(
        row["bulk"] for row in await network.database["outbox"].find({"topic": "profiles.members"}).to_list(None)
    )


async def test_a_members_own_edit_stays_unless_the_field_is_declared_authoritative(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    await done(coordinator, await coordinator.upload(csv("Ada,ada@example.org,7,R,research,2,"), MAPPING))
    ada = (await people(coordinator))["ada@example.org"]
    await coordinator.patch(f"/members/{ada['id']}", {"capacity": 5}, version=ada["version"])
    changed = csv("Ada L.,ada@example.org,7,A,research,3,")
    roster = await done(coordinator, await coordinator.upload(changed, MAPPING))
    assert (await verdicts(coordinator, roster))[0]["kept"] == ["capacity"]
    ada = (await people(coordinator))["ada@example.org"]
    assert (ada["name"], ada["stage"], ada["capacity"]) == ("Ada L.", "attending", 5)
    forced = MAPPING + "    authoritative: [capacity]\n"
    await done(coordinator, await coordinator.upload(changed, forced))
    assert (await people(coordinator))["ada@example.org"]["capacity"] == 3


async def test_the_same_person_is_known_by_external_id_then_by_email(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    first = csv("Ada,ada@example.org,7,R,,,", "Bob,bob@example.org,,A,,,", "Cy,cy@example.org,9,A,,,")
    await done(coordinator, await coordinator.upload(first, MAPPING))
    second = csv("Ada,ada@new.example.org,7,R,,,", "Bob,bob@example.org,8,A,,,", "Cy,cy@example.org,99,A,,,")
    roster = await done(coordinator, await coordinator.upload(second, MAPPING))
    assert [row["verdict"] for row in await verdicts(coordinator, roster)] == ["updated", "updated", "refused"]
    assert sorted(await people(coordinator)) == ["ada@new.example.org", "bob@example.org", "cy@example.org"]


async def test_addresses_are_swapped_within_a_file(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    people_of = [("Ada", 7), ("Bob", 8), ("Cy", 9)]
    first = csv(*(f"{name},{name.lower()}@example.org,{number},R,,," for name, number in people_of))
    await done(coordinator, await coordinator.upload(first, MAPPING))
    second = csv("Ada,bob@example.org,7,R,,,", "Bob,ada@example.org,8,R,,,", "Cy,new@example.org,9,R,,,")
    roster = await done(coordinator, await coordinator.upload(second, MAPPING))
    assert roster["counts"]["updated"] == 3
    known = await people(coordinator)
    assert {email: known[email]["name"] for email in known} == {
        "ada@example.org": "Bob",
        "bob@example.org": "Ada",
        "new@example.org": "Cy",
    }
    again = await done(coordinator, await coordinator.upload(second, MAPPING))
    assert again["counts"]["unchanged"] == 3


async def test_addresses_are_swapped_and_passed_on_across_chunks(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    others = [f"P{number},p{number}@example.org,{number + 100},R,,," for number in range(600)]
    first = ["Ada,ada@example.org,7,R,,,", "Bob,bob@example.org,8,R,,,", "Cy,cy@example.org,9,R,,,"]
    await done(coordinator, await coordinator.upload(csv(*first, *others), MAPPING))
    swapped = ["Ada,cy@example.org,7,R,,,", *others[:300], "Cy,bob@example.org,9,R,,,", *others[300:]]
    roster = await done(
        coordinator, await coordinator.upload(csv(*swapped, "Bob,ada@example.org,8,R,,,"), MAPPING), within=60
    )
    assert roster["counts"] == {"created": 0, "updated": 3, "unchanged": 600, "refused": 0}
    known = {
        email: [m["name"] for m in (await coordinator.get("/members", email=email)).json()["items"]]
        for email in ("ada@example.org", "bob@example.org", "cy@example.org")
    }
    assert known == {"ada@example.org": ["Bob"], "bob@example.org": ["Cy"], "cy@example.org": ["Ada"]}


async def test_a_rehired_member_is_reactivated_if_the_import_says_so(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    file = csv("Ada,ada@example.org,7,R,,,")
    await done(coordinator, await coordinator.upload(file, MAPPING))
    ada = (await people(coordinator))["ada@example.org"]
    assert (await coordinator.post(f"/members/{ada['id']}/deactivate", {})).status_code == 200
    stays = await done(coordinator, await coordinator.upload(file, MAPPING))
    (noted,) = await verdicts(coordinator, stays, remarks="true")
    assert "import the file with `reactivate`" in noted["reasons"][0]["message"]
    await done(coordinator, await coordinator.upload(file, MAPPING, reactivate="true"))
    assert (await people(coordinator))["ada@example.org"]["status"] == "active"


async def test_a_new_staff_number_is_answered_by_the_coordinator_and_not_kept(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    await done(coordinator, await coordinator.upload(csv("Ada,ada@example.org,7,R,,,"), MAPPING))
    renumbered = csv("Ada,ada@example.org,70,R,,,")
    asked = await done(coordinator, await coordinator.upload(renumbered, MAPPING, dry_run=True))
    assert "under `same_person`" in (await verdicts(coordinator, asked))[0]["reasons"][0]["message"]
    assert await verdicts(coordinator, asked, remarks="true") == []
    roster = await done(coordinator, await coordinator.upload(renumbered, MAPPING, same_person=" 70 \n71"))
    assert roster["counts"]["updated"] == 1
    assert (await people(coordinator))["ada@example.org"]["external_id"] == "70"
    stored = await network.database["rosters"].find_one({"_id": roster["id"]})
    assert stored["answers"]["same_person"] == []


async def test_only_a_coordinator_answers_questions_about_people(network: Network, here: str) -> None:
    await network.institution(here)
    integrator = network.sign_in("i", here, "integrator")
    file = csv("Ada,ada@example.org,7,R,,,")
    assert (await integrator.upload(file, MAPPING, reactivate="true")).status_code == 403
    assert (await integrator.upload(file, MAPPING, same_person="7")).status_code == 403


async def test_two_rows_of_a_person_are_reported_by_line(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    await done(coordinator, await coordinator.upload(csv("Ada,ada@example.org,7,R,,,"), MAPPING))
    file = csv(
        "Ada,ada@new.example.org,7,R,,,",
        "Ada,ada@example.org,,R,,,",
        "Bob,bob@example.org,8,R,,,",
        "Bob,BOB@example.org,9,R,,,",
        "Bob,bob2@example.org,8,R,,,",
    )
    roster = await done(coordinator, await coordinator.upload(file, MAPPING))
    refused = await verdicts(coordinator, roster, verdict="refused")
    assert [(row["line"], row["reasons"][0]["message"].partition(":")[0]) for row in refused] == [
        (3, "is the same person as line 2"),
        (5, "has the same e-mail address as line 4"),
        (6, "has the same external_id as line 4"),
    ]


async def test_a_member_absent_from_a_file_stays(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    await network.member(coordinator, "absent")
    await done(coordinator, await coordinator.upload(csv("Ada,ada@example.org,7,R,,,"), MAPPING))
    assert (await people(coordinator))["absent@example.org"]["status"] == "active"


async def test_a_dry_run_reports_everything_and_changes_nothing(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    file = csv("Ada,ada@example.org,7,R,,,", "Bob,ada@example.org,8,R,,,")
    roster = await done(coordinator, await coordinator.upload(file, MAPPING, dry_run=True))
    assert roster["counts"] == {"created": 1, "updated": 0, "unchanged": 0, "refused": 1}
    assert await people(coordinator) == {}
    assert await network.database["outbox"].count_documents({"institution": here, "topic": "profiles.members"}) == 0


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (b"", "the file is empty"),
        (b"\n", "the file is empty"),
        (HEADER.encode(), "has column names and nothing below them"),
        (csv("x").replace(b"pronouns", b"shoe size"), "column 'shoe size' is unknown"),
        (csv("x").replace(b"email,", b""), "required column 'email' is missing"),
        (csv("x").replace(b"pronouns", b"name"), "column 'name' appears twice"),
        (csv("Ada,ada@example.org,7,R,,,", "B\xf6b,b@x.org,8,R,,,").decode().encode("latin-1"), "line 3 is not UTF-8"),
        (csv('"Ada,ada@example.org,7,R,,,'), "line 2: a cell begins with a quotation mark"),
    ],
)
async def test_an_invalid_file_is_refused_as_a_whole(network: Network, here: str, file: bytes, message: str) -> None:
    coordinator = await network.institution(here)
    refused = await coordinator.upload(file, MAPPING)
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:preceptor:problem:roster_invalid")
    assert any(message in error["message"] for error in refused.json()["errors"]), refused.json()
    assert "nothing was imported" in refused.json()["detail"]
    assert (await coordinator.get("/rosters")).json()["items"] == []
    assert await network.database["roster_chunks"].count_documents({"institution": here}) == 0


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
async def test_a_byte_order_mark_gives_the_encoding(network: Network, here: str, encoding: str) -> None:
    coordinator = await network.institution(here)
    file = csv("Ada,ada@example.org,7,R,,,").decode().encode(encoding)
    assert (await done(coordinator, await coordinator.upload(file, MAPPING)))["counts"]["created"] == 1


async def test_a_formula_in_a_cell_that_is_read_refuses_its_row(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    file = csv("Ada,ada@example.org,7,R,,,=1+1", '" =HYPERLINK(1)",b@example.org,8,R,,,', "C,c@example.org,9,R,,,")
    roster = await done(coordinator, await coordinator.upload(file, MAPPING))
    refused = await verdicts(coordinator, roster, verdict="refused")
    assert [(row["line"], row["reasons"][0]["column"]) for row in refused] == [(3, "name")]


@pytest.mark.parametrize("field", ["identity", "story", "weights", "never", "never-list", "across_institutions"])
async def test_a_mapping_with_a_field_that_only_the_person_enters_is_refused(
    network: Network, here: str, field: str
) -> None:
    coordinator = await network.institution(here)
    mapping = MAPPING.replace("    ignore:", f"      {field}: {{column: pronouns}}\n    ignore:")
    refused = await coordinator.upload(csv("Ada,ada@example.org,7,R,,,"), mapping)
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:preceptor:problem:mapping_names_person_only")
    assert refused.json()["errors"] == [
        {"field": f"sections.people.fields.{field}", "message": "can be entered only by the person"}
    ]
    assert await people(coordinator) == {}


async def test_only_open_programmes_can_be_enrolled_in(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    mapping = MAPPING + f"    enrol: [{{programme: {here}.p, roles: [mentee]}}]\n"
    file = csv("Ada,ada@example.org,7,R,,,")
    assert (await coordinator.upload(file, mapping)).status_code == 422
    await coordinator.post("/programmes", {"id": f"{here}.p", "name": "P"})
    await done(coordinator, await coordinator.upload(file, mapping))
    ada = (await people(coordinator))["ada@example.org"]
    assert ada["enrolments"] == [{"programme": f"{here}.p", "roles": ["mentee"]}]
    await done(coordinator, await coordinator.upload(file, mapping.replace("[mentee]", "mentor")))
    ada = (await people(coordinator))["ada@example.org"]
    assert ada["enrolments"] == [{"programme": f"{here}.p", "roles": ["mentee", "mentor"]}]


async def test_another_institutions_rosters_are_unknown(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    stranger = await network.institution(f"{here}-other")
    roster = await done(coordinator, await coordinator.upload(csv("Ada,ada@example.org,7,R,,,"), MAPPING))
    assert (await stranger.get(f"/rosters/{roster['id']}")).status_code == 404
    assert (await stranger.get(f"/rosters/{roster['id']}/rows")).status_code == 404
    assert (await stranger.get("/rosters")).json()["items"] == []
    assert (await network.sign_in("x", here, "member").get("/rosters")).status_code == 403
    same = await done(stranger, await stranger.upload(csv("Ada,ada@example.org,7,R,,,"), MAPPING))
    assert same["counts"]["created"] == 1


async def test_the_civil_services_two_files_go_through_their_mapping(network: Network) -> None:
    if not CIVIL_SERVICE.is_dir():
        missing("the civil service's sample is not here")
    coordinator = await network.institution("civil-service")
    founded = {"id": "civil-service-mentoring", "name": "Civil service", "institution": "civil-service"}
    assert (await network.operator.post("/programmes", founded)).status_code == 201
    mapping = (ROOT / "deploy" / "demo" / "civil-service.yaml").read_text()
    for section in ("mentors", "mentees"):
        file = (CIVIL_SERVICE / f"{section}.csv").read_bytes()
        roster = await done(coordinator, await coordinator.upload(file, mapping, section=section))
        assert roster["counts"] == {"created": 50, "updated": 0, "unchanged": 0, "refused": 0}
    mentors = (await coordinator.get("/members", role="mentor", limit=200)).json()["items"]
    mentees = (await coordinator.get("/members", role="mentee", limit=200)).json()["items"]
    assert (len(mentors), len(mentees)) == (79, 77)
    everything = str(await network.database["members"].find({"institution": "civil-service"}).to_list(None))
    assert "Bisexual" not in everything
    assert "My name is" not in everything


async def rows_done(network: Network, institution: str) -> int:
    return await network.database["members"].count_documents({"institution": institution})


async def has_gone_on(network: Network, institution: str, before: int) -> bool:
    return await rows_done(network, institution) > before


async def test_an_unfinished_roster_is_continued_by_the_next_worker(network: Network, here: str) -> None:
    """The worker is cut off again and again in the middle; every row still takes effect once."""
    coordinator = await network.institution(here)
    rows = [f"P{number},p{number}@example.org,{number},R,,," for number in range(3_000)]
    uploaded = await coordinator.upload(csv(*rows), MAPPING)
    second = asyncio.ensure_future(network.service.background["rosters"]())
    for _ in range(5):
        before = await rows_done(network, here)
        await eventually(lambda before=before: has_gone_on(network, here, before), every=0.01)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        second = asyncio.ensure_future(network.service.background["rosters"]())
    roster = await done(coordinator, uploaded, within=60)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    assert roster["counts"] == {"created": 3_000, "updated": 0, "unchanged": 0, "refused": 0}
    assert await network.database["members"].count_documents({"institution": here}) == 3_000
    assert await network.database["outbox"].count_documents({"institution": here, "topic": "profiles.members"}) == 3_000
    assert await network.database["roster_chunks"].count_documents({"institution": here}) == 0


async def test_a_programme_that_closes_while_the_roster_waits_gives_its_rows_a_verdict(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    async with running(mongo_uri, kafka_bootstrap, issuer) as network:
        coordinator = await network.institution("here")
        await coordinator.post("/programmes", {"id": "here.care", "name": "Care"})
        mapping = f"{MAPPING}    enrol: [{{programme: here.care, roles: [mentee]}}]\n"
        uploaded = await coordinator.upload(csv("Ada,ada@example.org,7,R,,,", "Bob,bob@example.org,8,Z,,,"), mapping)
        closed = await coordinator.patch("/programmes/here.care", {"status": "inactive"}, version=1)
        assert closed.status_code == 200, closed.text
        works = asyncio.ensure_future(network.service.background["rosters"]())
        roster = await done(coordinator, uploaded)
        works.cancel()
        await asyncio.gather(works, return_exceptions=True)
        first, second = await verdicts(coordinator, roster)
        assert (first["verdict"], first["reasons"][0]["message"]) == (
            "refused",
            "these are not active programmes that admit the institution: here.care",
        )
        assert second["reasons"][0]["column"] == "grade"
        assert await people(coordinator) == {}


async def test_cells_of_refused_rows_come_back_as_they_were_and_are_forgotten_after_a_month(
    network: Network, here: str
) -> None:
    coordinator = await network.institution(here)
    long = "x" * 9_000
    file = csv("Ada,ada@example.org,7,R,,,she", "Bob,bob@example.org,8,Z,,,he", f"Cy,cy@example.org,9,Z,{long},,")
    roster = await done(coordinator, await coordinator.upload(file, MAPPING, dry_run=True))
    assert roster["titles"] == ["name", "email", "staff number", "grade", "wants", "places", "pronouns"]
    # The pronouns are not read, so they are kept nowhere.
    ada, bob, cy = [row["cells"] for row in await verdicts(coordinator, roster)]
    assert (ada, bob, cy) == ([], ["Bob", "bob@example.org", "8", "Z", "", "", ""], [])
    before = SystemClock().now() - timedelta(seconds=1)
    rows = network.database["roster_rows"]
    await rows.update_many({"roster": roster["id"], "cells": {"$exists": True}}, {"$set": {"cells_until": before}})

    async def are_forgotten() -> bool:
        return await rows.count_documents({"roster": roster["id"], "cells": {"$exists": True}}) == 0

    await eventually(are_forgotten, message="the cells are deleted")


async def test_refused_rows_are_mended_and_brought_again(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    roster = await done(coordinator, await coordinator.upload(csv("Bob,bob@example.org,8,Z,,,he"), MAPPING))
    [bob] = await verdicts(coordinator, roster, verdict="refused")
    titles = [*roster["titles"], LINE_COLUMN, ADVICE_COLUMN]
    cells = ["A" if cell == "Z" else cell for cell in bob["cells"]]
    mended = csv_line(titles) + csv_line([*cells, str(bob["line"]), "grade: is not a value"])
    again = await done(coordinator, await coordinator.upload(mended.encode(), MAPPING))
    assert again["counts"]["created"] == 1


async def test_a_specialty_that_the_vocabulary_does_not_have_is_remarked_on_with_similar_ones(
    network: Network, here: str
) -> None:
    coordinator = await network.institution(here)
    term = {"id": f"cardiology-{here}", "kind": "specialty", "labels": {"en": f"Cardiology {here}"}}
    assert (await network.operator.post("/vocabulary/terms", term)).status_code == 201
    mapping = "sections: {people: {fields: {name: {column: name}, email: {column: email}, specialty: {column: of}}}}"
    file = f"name,email,of\nAda,ada@example.org,cardiology-{here}\nBob,bob@example.org,cardiologie-{here}\n"
    roster = await done(coordinator, await coordinator.upload(file.encode(), mapping, dry_run=True))
    [bob] = await verdicts(coordinator, roster, remarks="true")
    assert (bob["line"], bob["verdict"], bob["reasons"][0]["column"]) == (3, "created", "specialty")
    assert f"similar: cardiology-{here}" in bob["reasons"][0]["message"]
