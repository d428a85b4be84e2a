"""A coordinator limited to one programme, and people in it, in another, and in both."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from deploy.issuer import LocalIssuer
from shared.clock import SystemClock
from tests.component.matching_kit import CARE, NORTH, Matching, institution, mentee, mentor, programme
from tests.component.matching_kit import running as matching_running
from tests.component.profiles_kit import Json, Network, Person, running
from tests.eventually import eventually

MAPPING = """
sections:
  people:
    fields: {name: {column: name}, email: {column: email}, specialty: {column: specialty, optional: true}}
    enrol: [{programme: PROGRAMME, roles: [mentor]}]
    authoritative: [name, specialty]
"""


@dataclass(frozen=True, slots=True)
class House:
    whole: Person
    limited: Person
    """To the programme `a`."""
    a: str
    b: str
    inside: Json
    outside: Json
    both: Json
    nowhere: Json


@pytest.fixture(scope="module")
async def network(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Network]:
    async with running(mongo_uri, kafka_bootstrap, issuer, background={"rosters": True}) as network:
        yield network


@pytest.fixture
async def house(network: Network) -> House:
    here = f"i{SystemClock().new_id()}"
    whole = await network.institution(here)
    a, b = [(await whole.post("/programmes", {"name": name})).json()["id"] for name in "AB"]

    async def member(name: str, *programmes: str) -> Json:
        enrolments = [{"programme": programme, "roles": ["mentee"]} for programme in programmes]
        return await network.member(whole, name, enrolments=enrolments)

    return House(
        whole=whole,
        limited=network.coordinator(here, programmes=[a]),
        a=a,
        b=b,
        inside=await member("inside", a),
        outside=await member("outside", b),
        both=await member("both", a, b),
        nowhere=await member("nowhere"),
    )


async def _seen(house: House, member: Json) -> Json:
    return dict((await house.whole.get(f"/members/{member['id']}")).json())


async def test_a_member_of_no_programme_of_theirs_is_unknown_to_them(house: House) -> None:
    listed = (await house.limited.get("/members")).json()["items"]
    assert {member["id"] for member in listed} == {house.inside["id"], house.both["id"]}
    for member in (house.outside, house.nowhere):
        path = f"/members/{member['id']}"
        answers = [await house.limited.get(path), await house.limited.patch(path, {"name": "X"}, version=1)]
        commands = ("pause", "resume", "deactivate", "reactivate", "invitations")
        answers += [await house.limited.post(f"{path}/{command}") for command in commands]
        answers.append(await house.limited.delete(f"/sign-ins/{member['id']}"))
        assert {answer.status_code for answer in answers} == {404}
        assert await _seen(house, member) == member


async def test_only_the_enrolment_in_their_own_programme_is_visible_to_them(house: House) -> None:
    path = f"/members/{house.both['id']}"
    seen = (await house.limited.get(path)).json()
    assert seen["enrolments"] == [{"programme": house.a, "roles": ["mentee"]}]
    assert (await house.limited.get("/members", programme=house.b)).json()["items"] == []
    refused = [await house.limited.patch(path, {"name": "X"}, version=1)]
    commands = ("pause", "resume", "deactivate", "reactivate", "invitations")
    refused += [await house.limited.post(f"{path}/{command}") for command in commands]
    refused.append(await house.limited.delete(f"/sign-ins/{house.both['id']}"))
    for answer in refused:
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:preceptor:problem:member_shared")
    assert await _seen(house, house.both) == house.both
    mine = [{"programme": house.a, "roles": ["mentor"]}]
    assert (await house.limited.patch(path, {"enrolments": mine}, version=1)).status_code == 200
    theirs = [{"programme": house.b, "roles": ["mentee"]}]
    assert sorted((await _seen(house, house.both))["enrolments"], key=str) == sorted(theirs + mine, key=str)
    other = [{"programme": house.b, "roles": ["mentor"]}]
    assert (await house.limited.patch(path, {"enrolments": other}, version=2)).status_code == 403
    assert (await house.limited.patch(path, {"enrolments": []}, version=2)).status_code == 200
    assert (await _seen(house, house.both))["enrolments"] == theirs
    assert (await house.limited.get(path)).status_code == 404


async def test_a_roster_of_a_programme_changes_no_member_outside_it(network: Network, house: House) -> None:
    names = ("inside", "outside", "both", "nowhere", "fresh")
    file = "name,email,specialty\n" + "".join(f"Renamed,{name}@example.org,surgery\n" for name in names)
    mapping = MAPPING.replace("PROGRAMME", house.a)
    sent = await house.limited.upload(file.encode(), mapping)
    assert sent.status_code == 202, sent.text

    async def done() -> bool:
        return bool((await house.limited.get(sent.headers["location"])).json()["status"] == "done")

    await eventually(done, message="the roster is worked off")
    for member in (house.outside, house.nowhere):
        assert await _seen(house, member) == member
    both = await _seen(house, house.both)
    assert (both["name"], both["specialty"]) == (house.both["name"], None)
    assert {"programme": house.b, "roles": ["mentee"]} in both["enrolments"]
    assert (await _seen(house, house.inside))["name"] == "Renamed"
    rows = f"{sent.headers['location']}/rows"
    refused = (await house.limited.get(rows, verdict="refused")).json()["items"]
    assert [(row["line"], row["member"]) for row in refused] == [(3, None), (5, None)]
    assert (await house.whole.get(rows)).status_code == 200
    other = network.coordinator(house.inside["institution"], programmes=[house.b])
    assert [(await other.get(path)).status_code for path in (sent.headers["location"], rows)] == [404, 404]
    assert (await other.get("/rosters")).json()["items"] == []
    assert len((await house.limited.get("/rosters")).json()["items"]) == 1


async def test_a_limited_coordinator_sends_no_roster_of_the_institution(house: House) -> None:
    sent = await house.whole.upload(b"name,email\nNew,new@example.org\n", MAPPING.replace("PROGRAMME", house.a))
    paths = (sent.headers["location"], f"{sent.headers['location']}/rows")
    assert [(await house.limited.get(path)).status_code for path in paths] == [404, 404]
    assert (await house.limited.get("/rosters")).json()["items"] == []


async def test_no_route_lets_a_limited_coordinator_change_affiliations(house: House) -> None:
    wanted = {"affiliations": ["elsewhere"]}
    before = await _seen(house, house.inside)
    new = {"name": "New", "email": "new@example.org", "enrolments": [{"programme": house.a, "roles": ["mentee"]}]}
    answers = [
        await house.limited.patch(f"/members/{house.inside['id']}", wanted, version=1),
        await house.limited.post("/members", {**new, **wanted}),
    ]
    for source in ("{constant: [elsewhere]}", "{column: specialty, optional: true}"):
        mapping = MAPPING.replace("fields: {", f"fields: {{affiliations: {source}, ").replace("PROGRAMME", house.a)
        answers.append(await house.limited.upload(b"name,email\nInside,inside@example.org\n", mapping))
    assert {answer.status_code for answer in answers} == {403}
    assert await _seen(house, house.inside) == before


async def test_hidden_enrolments_do_not_show_in_any_answer(house: House) -> None:
    path = f"/members/{house.both['id']}"
    mine = [{"programme": house.a, "roles": ["mentee"]}]
    guesses = [
        [*mine, {"programme": programme, "roles": roles}]
        for programme in (house.b, "unknown")
        for roles in (["mentee"], ["mentor"], ["mentee", "mentor"])
    ]
    answers = [await house.limited.patch(path, {"enrolments": guess}, version=1) for guess in guesses]
    assert len({_without_request(answer) for answer in answers}) == 1
    assert answers[0].status_code == 403
    assert (await house.limited.patch(path, {"enrolments": mine}, version=1)).status_code == 200


def _without_request(answer: httpx.Response) -> tuple[int, str]:
    """What two answers have in common if they tell the same."""
    problem = {name: value for name, value in answer.json().items() if name not in {"instance", "correlation_id"}}
    return answer.status_code, repr(problem)


async def test_a_taken_address_or_staff_number_is_refused_without_saying_which_or_whose(
    network: Network, house: House
) -> None:
    numbered = await house.whole.patch(f"/members/{house.outside['id']}", {"external_id": "77"}, version=1)
    assert numbered.status_code == 200
    enrolments = [{"programme": house.a, "roles": ["mentee"]}]
    inside = f"/members/{house.inside['id']}"
    person, ada = await network.bound(house.whole, house.inside["institution"], "ada")
    version = (await person.get("/me")).json()["version"]
    answers = [
        await house.limited.post("/members", {"name": "X", "email": "outside@example.org", "enrolments": enrolments}),
        await house.limited.post(
            "/members", {"name": "X", "email": "x@example.org", "external_id": "77", "enrolments": enrolments}
        ),
        await house.limited.patch(inside, {"email": "outside@example.org"}, version=1),
        await house.limited.patch(inside, {"external_id": "77"}, version=1),
        await person.patch("/me", {"email": "outside@example.org"}, version=version),
    ]
    assert len({_without_request(answer) for answer in answers}) == 1
    assert (answers[0].status_code, answers[0].json()["type"]) == (409, "urn:preceptor:problem:identity_refused")
    whole = await house.whole.patch(inside, {"email": "outside@example.org"}, version=1)
    assert whole.json()["type"] == "urn:preceptor:problem:email_taken"
    assert ada["id"] not in answers[-1].text


async def test_a_coordinator_who_is_a_member_changes_their_own_profile(network: Network, house: House) -> None:
    here = house.inside["institution"]
    person, ada = await network.bound(house.whole, here, "ada")
    token = network.issuer.token(f"{here}-ada", institution=here, roles=["member", "coordinator"], programmes=[house.a])
    both_roles = Person(person.client, token)
    version = (await both_roles.get("/me")).json()["version"]
    assert (await both_roles.patch("/me", {"languages": ["de"]}, version=version)).status_code == 200
    refused = await both_roles.patch(f"/members/{ada['id']}", {"external_id": "7"}, version=version + 1)
    assert refused.status_code in {403, 422}


# Rotations


@pytest.fixture
async def matching(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    async with matching_running(mongo_uri, kafka_bootstrap, issuer, work=()) as matching:
        both = [*mentor("x").enrolments, *_other("mentor")]
        await matching.receive(institution(NORTH), programme(), programme("other"))
        await matching.join(mentor("mara"), mentee("ana"), mentor("bo", enrolments=tuple(both)))
        await matching.join(mentor("ola", enrolments=_other("mentor")), mentee("ole", enrolments=_other("mentee")))
        await matching.join(mentee("una", enrolments=()))
        yield matching


def _other(role: Any) -> tuple[Any, ...]:
    return tuple(
        enrolment.model_copy(update={"programme": "other", "roles": (role,)}) for enrolment in mentor("x").enrolments
    )


async def _ask(matching: Matching, role: str, method: str, path: str, **sent: Any) -> httpx.Response:
    programmes = {} if role == "institution_coordinator" else {"programmes": [CARE]}
    token = matching.issuer.token("hospital", institution=NORTH, roles=[role], **programmes)
    headers = {"authorization": f"Bearer {token}", "idempotency-key": SystemClock().new_id()}
    return await matching.client.request(method, path, headers=headers, **sent)


def _rotation(assessor: str, assessed: str) -> Json:
    return {"assessor": assessor, "assessed": assessed, "from": "2027-01-04", "to": "2027-02-26"}


@pytest.mark.parametrize("role", ["coordinator", "integrator"])
async def test_rotations_of_people_in_other_programmes_are_out_of_reach(matching: Matching, role: str) -> None:
    outside = {"r-ola": ("ola", "ole"), "r-bo": ("bo", "ana"), "r-una": ("mara", "una")}
    whole = "institution_coordinator"
    for id, people in outside.items():
        answer = await _ask(matching, whole, "PUT", f"/rotations/{id}", json=_rotation(*people))
        assert answer.status_code == 200, answer.text
    kept = await matching.database["rotations"].find().to_list(None)
    for id, people in outside.items():
        assert (await _ask(matching, role, "DELETE", f"/rotations/{id}")).status_code == 404
        entered = await _ask(matching, role, "PUT", f"/rotations/{id}", json=_rotation(*people))
        fresh = await _ask(matching, role, "PUT", "/rotations/fresh", json=_rotation(*people))
        assert (entered.status_code, entered.json()["errors"]) == (422, fresh.json()["errors"])
    for id in outside:
        taken = await _ask(matching, role, "PUT", f"/rotations/{id}", json=_rotation("mara", "ana"))
        errors = [{"field": "id", "message": "cannot be used: choose another id"}]
        assert (taken.status_code, taken.json()["errors"]) == (422, errors)
    assert await matching.database["rotations"].find().to_list(None) == kept
    mine = await _ask(matching, role, "PUT", "/rotations/r-mine", json=_rotation("mara", "ana"))
    assert mine.status_code == 200, mine.text
    listed = await _ask(matching, "coordinator", "GET", "/rotations")
    assert [item["id"] for item in listed.json()["items"]] == ["r-mine"]
    assert len((await _ask(matching, whole, "GET", "/rotations")).json()["items"]) == 4
    assert (await _ask(matching, role, "DELETE", "/rotations/r-mine")).status_code == 204


@pytest.mark.parametrize("path", ["suggestions", "why-not/mara"])
async def test_a_mentee_outside_the_limit_is_answered_like_an_unknown_id(matching: Matching, path: str) -> None:
    answers = [
        await _ask(matching, "coordinator", "GET", f"/mentees/{id}/{path}", params={"programme": CARE})
        for id in ("nobody", "ole", "ola", "una")
    ]
    assert len({_without_request(answer) for answer in answers}) == 1
    assert answers[0].json()["type"] == "urn:preceptor:problem:mentee_not_found"
    inside = await _ask(matching, "coordinator", "GET", f"/mentees/ana/{path}", params={"programme": CARE})
    assert not inside.json()["type"].endswith("mentee_not_found")
