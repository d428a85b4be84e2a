"""Rotations, pins and exclusions that name members by staff number or e-mail address."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.issuer import LocalIssuer
from services.matching.projections.repository import ProjectedDocuments
from shared.clock import SystemClock
from shared.contracts.profiles import Enrolment, MemberChanged
from shared.identifiers import identifier_digest
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
    signed_in,
)
from tests.component.rounds_api import RoundsApi

TODAY = datetime.now(UTC).date()
NOW = {"from": str(TODAY), "to": str(TODAY + timedelta(days=28))}
WHOLE, LIMITED, FEED = "institution_coordinator", "coordinator", "integrator"
OTHER = Enrolment(programme="other", roles=("mentor",))


@pytest.fixture
async def matching(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    """`bo` is in a programme of the limited coordinator and in another one, `ola` in the other one alone; `ana` is
    mentored in the limited coordinator's. Staff numbers are S- and the id, addresses the id at example.org.
    """
    async with running(mongo_uri, kafka_bootstrap, issuer, work=("solving",)) as matching:
        await matching.receive(institution(NORTH), institution(SOUTH), programme(), programme("other"))
        await _join(matching, mentor("mara"), mentor("milo"), mentee("ana"), mentee("ben"), mentor("far", SOUTH))
        await _join(matching, mentor("bo", enrolments=(*mentor("x").enrolments, OTHER)))
        await _join(matching, mentor("ola", enrolments=(OTHER,)))
        yield matching


async def _join(matching: Matching, *people: MemberChanged) -> None:
    await matching.receive(*people, *(signed_in(person, **_digests(person, person.member)) for person in people))


def _digests(member: MemberChanged, name: str) -> dict[str, str]:
    home = member.institution
    return {
        "external_id_digest": identifier_digest(institution=home, kind="external_id", value=f"S-{name}"),
        "email_digest": identifier_digest(institution=home, kind="email", value=f"{name}@example.org"),
    }


async def _send(matching: Matching, role: str, method: str, path: str, **sent: Any) -> httpx.Response:
    programmes = [CARE] if role == LIMITED else []
    token = matching.issuer.token("hospital", institution=NORTH, roles=[role], programmes=programmes)
    headers = {"authorization": f"Bearer {token}", "idempotency-key": SystemClock().new_id()}
    return await matching.client.request(method, path, headers=headers, **sent)


async def _open(matching: Matching, role: str, **orders: Any) -> httpx.Response:
    return await _send(matching, role, "POST", f"/programmes/{CARE}/rounds", json=orders)


@pytest.mark.parametrize("role", [WHOLE, LIMITED, FEED])
async def test_a_rotation_names_both_members_by_staff_number_and_address(matching: Matching, role: str) -> None:
    named = {"assessor_external_id": " S-mara ", "assessed_email": "ANA@example.org"}
    entered = await _send(matching, role, "PUT", "/rotations/r-1", json={**named, **NOW})
    assert entered.status_code == 200, entered.text
    assert (entered.json()["assessor"], entered.json()["assessed"]) == ("mara", "ana")
    by_id = {"rotations": [{"id": "r-1", "assessor": "mara", "assessed": "ana", **NOW}]}
    again = await _send(matching, role, "POST", "/rotations", json=by_id)
    assert again.json()["rows"][0]["verdict"] == "unchanged"
    kept = str(await matching.database["rotations"].find().to_list(None))
    assert not [value for value in ("S-mara", "@example.org") if value in kept]


async def test_a_file_names_each_by_the_column_that_is_filled(matching: Matching) -> None:
    rows = [
        "id,assessor,assessor_external_id,assessed_email,from,to",
        f"a,,S-mara,ana@example.org,{NOW['from']},{NOW['to']}",
        f"b,milo,,ben@example.org,{NOW['from']},{NOW['to']}",
        f"c,,S-nobody,nobody@example.org,{NOW['from']},{NOW['to']}",
        f"d,milo,S-mara,ana@example.org,{NOW['from']},{NOW['to']}",
        f"e,milo,,not an address,{NOW['from']},{NOW['to']}",
        f"f,,S-far,ana@example.org,{NOW['from']},{NOW['to']}",
    ]
    file = {"file": ("rotations.csv", "\n".join(rows).encode(), "text/csv")}
    answer = await _send(matching, FEED, "POST", "/rotations/upload", files=file)
    verdicts = [
        (row["line"], row["verdict"], [error["field"] for error in row["errors"]]) for row in answer.json()["rows"]
    ]
    assert verdicts == [
        (2, "created", []),
        (3, "created", []),
        (4, "refused", ["assessor_external_id", "assessed_email"]),
        (5, "refused", [""]),
        (6, "refused", ["assessed_email"]),
        (7, "refused", ["assessor_external_id"]),
    ]
    assert not [value for value in ("S-nobody", "nobody@", "not an address", "S-far") if value in answer.text]
    assert "staff number" in answer.text


async def test_a_column_of_a_rotation_file_that_has_no_meaning_is_passed_over(matching: Matching) -> None:
    file = {"file": ("rotations.csv", b"id,assessor,assessed,name,from,to", "text/csv")}
    answer = await _send(matching, FEED, "POST", "/rotations/upload", files=file)
    assert (answer.status_code, answer.json()["rows"]) == (200, [])


@pytest.mark.parametrize("header", ["id,assessor,from,to", "assessor,assessed,from,to"])
async def test_a_rotation_file_has_a_column_for_each_member(matching: Matching, header: str) -> None:
    file = {"file": ("rotations.csv", header.encode(), "text/csv")}
    answer = await _send(matching, FEED, "POST", "/rotations/upload", files=file)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:preceptor:problem:rotations_unreadable")


async def test_a_limited_coordinator_finds_no_member_outside_their_programmes(matching: Matching) -> None:
    async def errors(role: str, name: str) -> Any:
        body = {"assessor_external_id": f"S-{name}", "assessed": "ana", **NOW}
        answer = await _send(matching, role, "PUT", f"/rotations/of-{name}", json=body)
        return answer.json().get("errors")

    unknown = await errors(LIMITED, "nobody")
    assert [error["field"] for error in unknown] == ["assessor_external_id"]
    assert [await errors(LIMITED, name) for name in ("ola", "bo", "far")] == [unknown] * 3
    assert [await errors(WHOLE, name) for name in ("ola", "bo", "far")] == [None, None, unknown]


@pytest.mark.parametrize("role", [WHOLE, LIMITED])
async def test_a_round_pins_and_excludes_by_staff_number_and_address(
    matching: Matching, tmp_path: Path, role: str
) -> None:
    orders = {
        "pins": [{"mentee_external_id": "S-ana", "mentor_email": "bo@example.org"}],
        "exclusions": [{"mentee": "ben", "mentor_external_id": "S-mara"}],
    }
    opened = await _open(matching, role, **orders)
    assert opened.status_code == 201, opened.text
    api, round = RoundsApi(matching, tmp_path), opened.json()["id"]
    await api.until(round, "pending")
    pairs = await api.pairs(round)
    assert pairs["ana"] == "bo"
    assert pairs["ben"] != "mara"


async def test_a_pin_of_an_unknown_member_is_refused_with_its_place(matching: Matching) -> None:
    def pins(name: str) -> list[dict[str, str]]:
        return [{"mentee": "ben", "mentor": "mara"}, {"mentee": "ana", "mentor_external_id": f"S-{name}"}]

    unknown = await _open(matching, LIMITED, pins=pins("nobody"))
    assert (unknown.status_code, unknown.json()["type"]) == (422, "urn:preceptor:problem:round_orders_invalid")
    assert [error["field"] for error in unknown.json()["errors"]] == ["pins.1.mentor_external_id"]
    for name in ("ola", "far"):
        assert (await _open(matching, LIMITED, pins=pins(name))).json()["errors"] == unknown.json()["errors"]
    assert "S-nobody" not in unknown.text
    repeated = await _open(
        matching, LIMITED, exclusions=[{"mentee": "ben", "mentee_email": "ben@example.org", "mentor": "bo"}]
    )
    assert repeated.status_code == 422
    assert "@" not in repeated.text


async def test_an_identifier_shared_by_two_members_is_refused(matching: Matching) -> None:
    await matching.receive(signed_in(mentor("milo"), **_digests(mentor("milo"), "mara")))
    body = {"assessor_email": "mara@example.org", "assessed": "ana", **NOW}
    refused = await _send(matching, FEED, "PUT", "/rotations/r-1", json=body)
    [error] = refused.json()["errors"]
    assert error["field"] == "assessor_email"
    assert "several" in error["message"]


async def test_an_erased_member_is_not_found_and_no_digest_is_left(matching: Matching) -> None:
    await matching.erase(mentor("mara"))
    body = {"assessor_external_id": "S-mara", "assessed": "ana", **NOW}
    assert (await _send(matching, FEED, "PUT", "/rotations/r-1", json=body)).status_code == 422
    copies = await _erased_preferences(matching, "mara")
    assert not [name for name in copies if name.endswith("_digest")]


async def _erased_preferences(matching: Matching, member: str) -> dict[str, Any]:
    tombstone = matching.received(signed_in(mentor(member)), erased=True)
    await ProjectedDocuments(matching.database).fold_preferences([tombstone])
    return dict(await matching.database["preferences"].find_one({"_id": member}) or {})


async def test_a_search_by_digest_reads_its_index(matching: Matching) -> None:
    for kind in ("external_id", "email"):
        wanted = {"institution": NORTH, f"{kind}_digest": {"$in": ["a" * 64, "b" * 64]}, "erased": False}
        plan = await matching.database["preferences"].find(wanted).explain()
        assert f"by_{kind}" in str(plan["queryPlanner"]["winningPlan"])
