"""Members over HTTP on a real MongoDB: who may do what, and which facts come of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from deploy.issuer import LocalIssuer
from services.profiles.members.repository.name_search import by_name
from services.profiles.republishing.repository.preferences import republish_preferences
from shared.clock import SystemClock
from tests.component.profiles_kit import Json, Network, running


@pytest.fixture(scope="module")
async def network(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Network]:
    async with running(mongo_uri, kafka_bootstrap, issuer) as network:
        yield network


@pytest.fixture
def here() -> str:
    """An institution that no other test knows."""
    return f"i{SystemClock().new_id()}"


async def test_a_new_member_is_published_publicly_and_to_notifications(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    member = await network.member(coordinator, "ada", stage="resident", languages=["EN", "en"])
    assert member["languages"] == ["en"]
    assert [row["sequence"] for row in await network.rows("members", member["id"])] == [1]
    assert [row["sequence"] for row in await network.rows("contacts", member["id"])] == [1]
    [preferences] = await network.rows("preferences", member["id"])
    assert '"email_digest":"' in preferences["value"]
    assert member["email"] not in preferences["value"]


async def test_preferences_are_published_again_under_the_next_sequence(network: Network, here: str) -> None:
    member = await network.member(await network.institution(here), "ada", external_id="S-12")
    assert await republish_preferences(network.database, SystemClock()) >= 1
    first, again = await network.rows("preferences", member["id"])
    assert (first["sequence"], again["sequence"]) == (1, 2)
    assert first["value"] == again["value"]
    assert [row["sequence"] for row in await network.rows("contacts", member["id"])] == [1]


async def test_title_and_cohort_are_entered_and_published_nowhere(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    member = await network.member(coordinator, "ada", title=" Dr. ", cohort="PGY-2")
    assert (member["title"], member["cohort"]) == ("Dr.", "PGY-2")
    rows = [row for topic in ("members", "contacts", "mentoring") for row in await network.rows(topic, member["id"])]
    assert rows
    assert not any("Dr." in row["value"] or "PGY-2" in row["value"] for row in rows)


async def test_a_change_is_published_only_to_topics_whose_fields_changed(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    member = await network.member(coordinator, "ada")
    path = f"/members/{member['id']}"
    changed = await coordinator.patch(path, {"capacity": 2}, version=1)
    assert changed.headers["etag"] == '"2"'
    assert (await coordinator.patch(path, {"name": "Ada L."}, version=2)).status_code == 200
    assert (await coordinator.patch(path, {"principles": "Listen first."}, version=3)).status_code == 200
    assert [row["sequence"] for row in await network.rows("members", member["id"])] == [1, 2]
    assert [row["sequence"] for row in await network.rows("contacts", member["id"])] == [1, 2]


async def test_saving_unchanged_values_publishes_nothing(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    member = await network.member(coordinator, "ada", capacity=2)
    again = await coordinator.patch(f"/members/{member['id']}", {"capacity": 2}, version=1)
    assert (again.status_code, again.headers["etag"]) == (200, '"1"')
    assert len(await network.rows("members", member["id"])) == 1


async def test_a_stale_version_is_412_and_changes_nothing(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    member = await network.member(coordinator, "ada")
    path = f"/members/{member['id']}"
    await coordinator.patch(path, {"capacity": 2}, version=1)
    stale = await coordinator.patch(path, {"capacity": 5}, version=1)
    assert (stale.status_code, stale.json()["type"]) == (412, "urn:preceptor:problem:version_stale")
    assert (await coordinator.get(path)).json()["capacity"] == 2


async def test_fields_that_only_the_person_enters_are_refused_by_name(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    member = await network.member(coordinator, "ada")
    for field, value in {
        "story": "x",
        "identity": ["x"],
        "never": ["x"],
        "weights": {"topics": 1},
        "wishes_shared_identity": True,
        "across_institutions": True,
    }.items():
        refused = await coordinator.patch(f"/members/{member['id']}", {field: value}, version=1)
        assert (refused.status_code, refused.json()["type"]) == (422, "urn:preceptor:problem:person_only")
        assert refused.json()["errors"][0]["field"] == field
        born = await coordinator.post("/members", {"name": "B", "email": "b@example.org", field: value})
        assert born.status_code == 422
    assert (await coordinator.get(f"/members/{member['id']}")).json()["version"] == 1


async def test_an_invitation_makes_a_sign_in_the_member(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    person, seen = await network.bound(coordinator, here, "ada")
    mine = await person.patch("/me", {"story": "I failed twice.", "weights": {"topics": 90}}, version=seen["version"])
    assert (mine.status_code, mine.json()["story"]) == (200, "I failed twice.")
    by_coordinator = (await coordinator.get(f"/members/{seen['id']}")).json()
    assert by_coordinator["has_sign_in"]
    assert not by_coordinator.keys() & {"story", "weights", "never", "identity", "wishes_shared_identity"}
    preferences = await network.rows("preferences", seen["id"])
    assert [row["sequence"] for row in preferences] == [1, 2, 3]
    assert '"subject_hash":"' in preferences[1]["value"]
    assert all("failed" not in row["value"] for row in await network.database["outbox"].find().to_list(None))


async def test_a_used_invitation_is_refused(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    member = await network.member(coordinator, "ada")
    code = (await coordinator.post(f"/members/{member['id']}/invitations")).json()["code"]
    first = network.sign_in("first", here, "member")
    second = network.sign_in("second", here, "member")
    assert (await first.post("/invitations/accept", {"code": code})).status_code == 200
    refused = await second.post("/invitations/accept", {"code": code})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:preceptor:problem:invitation_used")
    stored = await network.database["invitations"].find({"institution": here}).to_list(None)
    assert all(code not in str(invitation) for invitation in stored)


async def test_an_invitations_code_is_shown_once_and_stored_nowhere(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    member = await network.member(coordinator, "ada")
    path = f"/members/{member['id']}/invitations"
    code = (await coordinator.post(path, key="once")).json()["code"]
    again = await coordinator.post(path, key="once")
    assert (again.status_code, again.json()["type"]) == (409, "urn:preceptor:problem:answered_once")
    answers = await network.database["idempotency"].find().to_list(None)
    assert all(code.encode() not in (answer.get("body") or b"") for answer in answers)


async def test_an_expired_or_replaced_invitation_is_refused(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    member = await network.member(coordinator, "ada")
    path = f"/members/{member['id']}/invitations"
    first = (await coordinator.post(path)).json()["code"]
    second = (await coordinator.post(path)).json()["code"]
    person = network.sign_in("ada", here, "member")
    assert (await person.post("/invitations/accept", {"code": first})).status_code == 404
    await network.database["invitations"].update_many(
        {"member": member["id"]}, {"$set": {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}}
    )
    expired = await person.post("/invitations/accept", {"code": second})
    assert (expired.status_code, expired.json()["type"]) == (409, "urn:preceptor:problem:invitation_expired")


async def test_only_one_of_two_concurrent_acceptances_becomes_the_member(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    member = await network.member(coordinator, "ada")
    code = (await coordinator.post(f"/members/{member['id']}/invitations")).json()["code"]
    people = [network.sign_in(f"p{number}", here, "member") for number in range(4)]
    answers = await asyncio.gather(*(person.post("/invitations/accept", {"code": code}) for person in people))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert len(await network.rows("preferences", member["id"])) == 2


async def test_only_one_of_two_changes_of_a_version_succeeds(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    member = await network.member(coordinator, "ada")
    path = f"/members/{member['id']}"
    answers = await asyncio.gather(*(coordinator.patch(path, {"capacity": n}, version=1) for n in range(1, 9)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    assert [row["sequence"] for row in await network.rows("members", member["id"])] == [1, 2]


async def test_a_sign_in_belongs_to_one_member(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    person, _ = await network.bound(coordinator, here, "ada")
    other = await network.member(coordinator, "bob")
    code = (await coordinator.post(f"/members/{other['id']}/invitations")).json()["code"]
    refused = await person.post("/invitations/accept", {"code": code})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:preceptor:problem:sign_in_taken")


async def test_an_email_belongs_to_one_member_of_an_institution(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    await network.member(coordinator, "ada")
    refused = await coordinator.post("/members", {"name": "Ada again", "email": "ADA@example.org"})
    assert refused.status_code == 409
    assert "e-mail" in refused.json()["detail"]


async def test_a_wrong_value_is_named_with_what_would_be_right(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    for field, value, hint in (
        ("time_zone", "Europe/Atlantis", "IANA"),
        ("languages", ["english"], "BCP 47"),
        ("email", "nobody", "e-mail address"),
        ("capacity", 51, "50"),
        ("hours_per_month", -1, "0"),
        ("stage", "boss", "student"),
        ("never", ["a:b"], "letters, digits"),
        ("nonsense", 1, "unknown here"),
        ("topics_wanted", "research", "list"),
    ):
        body = {"name": "Ada", "email": "ada@example.org", field: value}
        refused = await coordinator.post("/members", body)
        assert refused.status_code == 422, field
        (error,) = refused.json()["errors"]
        assert error["field"].startswith(field)
        assert hint in error["message"]


async def test_enrolment_is_refused_where_the_institution_is_not_admitted(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    other = await network.institution(f"{here}-other")
    theirs = await other.post("/programmes", {"id": f"{here}-other.theirs", "name": "Theirs"})
    assert theirs.status_code == 201
    enrolments = [{"programme": f"{here}-other.theirs", "roles": ["mentee"]}]
    refused = await coordinator.post("/members", {"name": "Ada", "email": "ada@example.org", "enrolments": enrolments})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "enrolments")
    admitted = await other.patch(f"/programmes/{here}-other.theirs", {"admits": [here]}, version=1)
    assert admitted.json()["admits"] == [f"{here}-other", here]
    asked = await coordinator.post("/members", {"name": "Ada", "email": "ada@example.org", "enrolments": enrolments})
    assert (asked.status_code, asked.json()) == (422, refused.json())
    assert (await coordinator.post(f"/admissions/{here}-other.theirs/agree")).status_code == 200
    member = await network.member(coordinator, "ada", enrolments=enrolments)
    assert member["enrolments"] == enrolments


async def test_repeating_a_pause_or_deactivation_is_harmless(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    member = await network.member(coordinator, "ada")
    path = f"/members/{member['id']}"
    for command, field, value in (
        ("pause", "paused", True),
        ("pause", "paused", True),
        ("resume", "paused", False),
        ("deactivate", "status", "inactive"),
        ("reactivate", "status", "active"),
    ):
        answer = await coordinator.post(f"{path}/{command}")
        assert (answer.status_code, answer.json()[field]) == (200, value)
    assert len(await network.rows("members", member["id"])) == 5


@pytest.mark.parametrize("commands", [("pause", "resume"), ("deactivate", "reactivate")])
async def test_concurrent_commands_without_a_version_are_never_stale(
    network: Network, here: str, commands: tuple[str, str]
) -> None:
    coordinator = await network.institution(here)
    member = await network.member(coordinator, f"{here}-busy")
    paths = [f"/members/{member['id']}/{commands[number % 2]}" for number in range(40)]
    answers = await asyncio.gather(*(coordinator.post(path) for path in paths))
    assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]


async def test_an_inactive_member_reads_and_exports_and_changes_nothing(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    person, seen = await network.bound(coordinator, here, "ada")
    deactivated = await person.post(f"/members/{seen['id']}/deactivate")
    assert deactivated.json()["status"] == "inactive"
    version = (await person.get("/me")).json()["version"]
    assert (await person.get("/me/export")).json()["member"]["status"] == "inactive"
    for refused in (
        await person.patch("/me", {"story": "Still here."}, version=version),
        await person.patch(f"/members/{seen['id']}", {"capacity": 3}, version=version),
        await person.post(f"/members/{seen['id']}/pause"),
    ):
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:preceptor:problem:member_inactive")
    assert (await coordinator.post(f"/members/{seen['id']}/reactivate")).status_code == 200
    assert (await person.patch("/me", {"story": "Back."}, version=version + 1)).status_code == 200


async def test_an_inactive_status_is_published_to_notifications(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    member = await network.member(coordinator, "ada")
    await coordinator.post(f"/members/{member['id']}/deactivate")
    contacts = await network.rows("contacts", member["id"])
    assert [json.loads(row["value"])["status"] for row in contacts] == ["active", "inactive"]


async def test_a_list_is_filtered_and_paged(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    await coordinator.post("/programmes", {"id": f"{here}.p", "name": "P"})
    for number in range(5):
        await network.member(
            coordinator,
            f"m{number}",
            stage="resident" if number % 2 else "attending",
            enrolments=[{"programme": f"{here}.p", "roles": ["mentee" if number % 2 else "mentor"]}],
        )
    first = (await coordinator.get("/members", limit=3)).json()
    rest = (await coordinator.get("/members", limit=3, cursor=first["next"])).json()
    assert [len(first["items"]), len(rest["items"]), rest["next"]] == [3, 2, None]
    mentees = (await coordinator.get("/members", programme=f"{here}.p", role="mentee", stage="resident")).json()
    assert {member["name"] for member in mentees["items"]} == {"M1", "M3"}


async def test_a_limited_coordinator_finds_members_of_their_programme_only(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    await coordinator.post("/programmes", {"id": f"{here}.p", "name": "P"})
    inside = await network.member(coordinator, "in", enrolments=[{"programme": f"{here}.p", "roles": ["mentee"]}])
    outside = await network.member(coordinator, "out")
    limited = network.coordinator(here, programmes=[f"{here}.p"])
    assert [item["id"] for item in (await limited.get("/members")).json()["items"]] == [inside["id"]]
    assert (await limited.get(f"/members/{outside['id']}")).status_code == 404
    refused = await limited.patch(f"/members/{inside['id']}", {"enrolments": []}, version=1)
    assert refused.status_code == 403


@pytest.mark.parametrize(
    ("sought", "found"),
    [
        ({"name": "muller"}, {"Anna Müller-Lüdenscheidt", "MÜLLER Jörg"}),
        ({"name": "Anna mü"}, {"Anna Müller-Lüdenscheidt"}),
        ({"name": "ludensch"}, {"Anna Müller-Lüdenscheidt"}),
        ({"name": "soren"}, {"Søren Ærø"}),
        ({"name": "uller"}, set()),
        ({"name": "müller", "stage": "resident"}, {"MÜLLER Jörg"}),
        ({"external_id": "HR-7"}, {"Søren Ærø"}),
        ({"external_id": "HR"}, set()),
        ({"email": "S7@Example.org"}, {"Søren Ærø"}),
    ],
)
async def test_a_coordinator_finds_members_by_name_staff_number_and_address(
    network: Network, here: str, sought: dict[str, str], found: set[str]
) -> None:
    coordinator = await network.institution(here)
    await network.member(coordinator, "s1", name="Anna Müller-Lüdenscheidt")
    await network.member(coordinator, "s2", name="MÜLLER Jörg", stage="resident")
    await network.member(coordinator, "s7", name="Søren Ærø", external_id="HR-7")
    other = await network.institution(f"{here}-o")
    await network.member(other, "s7", name="Anna Müller", external_id="HR-7")
    answer = await coordinator.get("/members", **sought)
    assert {item["name"] for item in answer.json()["items"]} == found, answer.text


async def test_a_search_stays_within_the_coordinators_programmes_and_is_paged(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    await coordinator.post("/programmes", {"id": f"{here}.p", "name": "P"})
    enrolled = [{"programme": f"{here}.p", "roles": ["mentee"]}]
    inside = [await network.member(coordinator, f"in{n}", name="Ada Same", enrolments=enrolled) for n in range(3)]
    await network.member(coordinator, "out", name="Ada Same", external_id="out-1")
    limited = network.coordinator(here, programmes=[f"{here}.p"])
    first = (await limited.get("/members", name="ada same", limit=2)).json()
    rest = (await limited.get("/members", name="ada same", limit=2, cursor=first["next"])).json()
    found = [item["id"] for page in (first, rest) for item in page["items"]]
    assert found == sorted(item["id"] for item in inside)
    for elsewhere in ({"external_id": "out-1"}, {"email": "out@example.org"}):
        assert (await limited.get("/members", **elsewhere)).json()["items"] == []


@pytest.mark.parametrize("name", ["", "a", "- -", "a b c", "one two three four five six", "x" * 101])
async def test_a_search_for_too_little_or_too_much_is_refused(network: Network, here: str, name: str) -> None:
    coordinator = await network.institution(here)
    assert (await coordinator.get("/members", name=name)).status_code == 422


async def test_a_search_reads_a_bounded_part_of_the_institution(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    names = [{"_id": f"{here}{n}", "institution": here, "name_words": ["maria", f"n{n}"]} for n in range(1_500)]
    await network.database["members"].insert_many(names)
    wide = await coordinator.get("/members", name="mar")
    assert wide.json()["type"] == "urn:preceptor:problem:search_too_broad"
    both = await by_name(network.database["members"], here, ("maria", "n77"))
    plan = await network.database["members"].find({"institution": here, **both}).explain()
    assert plan["executionStats"]["nReturned"] == 11, "n77, and n770 to n779"
    assert plan["executionStats"]["totalDocsExamined"] <= 12
    await network.database["members"].delete_many({"institution": here})


async def test_members_saved_before_the_search_existed_are_found(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    member = await network.member(coordinator, "old", name="Zoë Old")
    await network.database["members"].update_one({"_id": member["id"]}, {"$unset": {"name_words": ""}})
    await network.service.prepare()
    found = (await coordinator.get("/members", name="zoe")).json()["items"]
    assert [item["id"] for item in found] == [member["id"]]


async def test_the_export_holds_everything_of_the_person(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    person, seen = await network.bound(coordinator, here, "ada")
    await person.patch("/me", {"story": "Mine.", "identity": ["first-generation"]}, version=seen["version"])
    exported = (await person.get("/me/export")).json()
    assert exported["member"]["story"] == "Mine."
    assert exported["member"]["identity"] == ["first-generation"]
    assert exported["member"]["email"] == "ada@example.org"
    assert len(exported["invitations"]) == 1


async def test_another_institutions_ids_are_unknown(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    stranger = await network.institution(f"{here}-other")
    member = await network.member(coordinator, "ada")
    programme = (await coordinator.post("/programmes", {"name": "Closed"})).json()["id"]
    code = (await coordinator.post(f"/members/{member['id']}/invitations")).json()["code"]
    path = f"/members/{member['id']}"
    answers = [
        await stranger.get(path),
        await stranger.patch(path, {"capacity": 1}, version=1),
        *[await stranger.post(f"{path}/{act}") for act in ("pause", "resume", "deactivate", "reactivate")],
        await stranger.post(f"{path}/invitations"),
        await network.sign_in("x", f"{here}-other", "member").post("/invitations/accept", {"code": code}),
        await stranger.get(f"/programmes/{programme}"),
        await stranger.patch(f"/programmes/{programme}", {"name": "Mine"}, version=1),
        await stranger.get(f"/institutions/{here}"),
        await stranger.patch(f"/institutions/{here}", {"exchanges_with": []}, version=1),
    ]
    unknown = await stranger.get("/members/nobody")
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert answers[0].json() == unknown.json()
    assert (await stranger.get("/members")).json()["items"] == []


async def test_a_member_is_unknown_to_others_than_themselves_and_coordinators(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    member = await network.member(coordinator, "ada")
    for role in ("member", "integrator", "operator"):
        asker = network.sign_in("curious", here, role)
        assert (await asker.get(f"/members/{member['id']}")).status_code == 404
        assert (await asker.get("/members")).status_code == 403
        assert (await asker.get("/me")).status_code == 404


async def test_a_person_cannot_change_fields_of_the_institution(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    person, seen = await network.bound(coordinator, here, "ada")
    for field, value in {"enrolments": [], "affiliations": ["x"], "external_id": "x"}.items():
        refused = await person.patch("/me", {field: value}, version=seen["version"])
        assert (refused.status_code, refused.json()["type"]) == (422, "urn:preceptor:problem:institution_only")


async def test_an_operator_creates_an_institution_and_its_coordinator_names_partners(
    network: Network, here: str
) -> None:
    coordinator = await network.institution(here)
    await network.institution(f"{here}-other")
    assert (await coordinator.post("/institutions", {"id": "own", "name": "Own"})).status_code == 403
    assert (await network.operator.post("/institutions", {"id": here, "name": "Again"})).status_code == 409
    path = f"/institutions/{here}"
    changed = await coordinator.patch(path, {"exchanges_with": [f"{here}-other"]}, version=1)
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert (await coordinator.patch(path, {"exchanges_with": [here]}, version=2)).status_code == 422
    unknown = await coordinator.patch(path, {"exchanges_with": ["nowhere"]}, version=2)
    assert (unknown.status_code, unknown.json()["exchanges_with"]) == (200, ["nowhere"])
    assert (await network.operator.patch(path, {"exchanges_with": []}, version=3)).status_code == 403
    assert (await coordinator.patch(path, {"name": "Mine"}, version=3)).status_code == 403
    assert [row["sequence"] for row in await network.rows("institutions", here)] == [1, 2, 3]


async def test_terms_of_exchange_end_with_the_partnership(network: Network, here: str) -> None:
    coordinator, there, path = await network.institution(here), f"{here}-other", f"/institutions/{here}"
    await network.institution(there)
    terms = {"partner": there, "direction": "gives", "ceiling": 3, "floor": 1}
    usual = {"partner": there, "direction": "both", "ceiling": None, "floor": 0}
    for wrong, where in (
        ([{**terms, "partner": "elsewhere"}], "exchange_terms.0.partner"),
        ([terms, terms], "exchange_terms.1.partner"),
        ([{**terms, "floor": 4}], "exchange_terms.0.floor"),
        ([{**terms, "direction": "receives"}], "exchange_terms.0"),
        ([{**terms, "ceiling": -1}], "exchange_terms.0.ceiling"),
        ([{**terms, "ceiling": "3"}], "exchange_terms.0.ceiling"),
        ([{**terms, "sealing": 3}], "exchange_terms.0.sealing"),
        ([{**terms, "direction": "neither"}], "exchange_terms.0.direction"),
    ):
        refused = await coordinator.patch(path, {"exchanges_with": [there], "exchange_terms": wrong}, version=1)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, where)
    body = {"exchanges_with": [there], "exchange_terms": [terms]}
    assert (await network.operator.patch(path, body, version=1)).status_code == 403
    assert (await network.coordinator(here, ["care"]).patch(path, body, version=1)).status_code == 403
    assert (await coordinator.patch(path, body, version=1)).json()["exchange_terms"] == [terms]
    assert (await coordinator.patch(path, {"exchange_terms": [terms]}, version=2)).json()["version"] == 2
    kept = await coordinator.patch(path, {"exchange_terms": [{"partner": there}]}, version=2)
    assert kept.json()["exchange_terms"] == [usual]
    gone = await coordinator.patch(path, {"exchanges_with": []}, version=3)
    assert (gone.json()["exchange_terms"], gone.json()["version"]) == ([], 4)
    published = [json.loads(row["value"])["exchange_terms"] for row in await network.rows("institutions", here)]
    assert published == [[], [terms], [usual], []]


async def test_a_repeated_request_creates_no_second_member(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    body = {"name": "Ada", "email": "ada@example.org"}
    first = await coordinator.post("/members", body, key="once")
    second = await coordinator.post("/members", body, key="once")
    assert (first.status_code, second.status_code, first.json()) == (201, 201, second.json())
    assert len(await network.rows("members", first.json()["id"])) == 1


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({"subject_hash": "h"}, "unique_subject_hash"),
        ({"email": {"$in": ["a@x.org", "b@x.org"]}}, "unique_email"),
        ({"external_id": {"$in": ["7"]}}, "unique_external_id"),
    ],
)
async def test_finding_a_person_does_not_scan_the_institution(
    network: Network, here: str, query: dict[str, object], index: str
) -> None:
    plan = await network.database["members"].find({"institution": here, **query}).explain()
    assert index in str(plan["queryPlanner"]["winningPlan"])


async def test_mentees_find_mentors_of_their_own_institution_and_programme_by_name(network: Network, here: str) -> None:
    coordinator = await network.institution(here)
    care, other = [(await coordinator.post("/programmes", {"name": name})).json()["id"] for name in ("Care", "Other")]

    def enrolled(programme: str, role: str) -> list[Json]:
        return [{"programme": programme, "roles": [role]}]

    mentee, _ = await network.bound(coordinator, here, "mia", enrolments=enrolled(care, "mentee"))
    found = await network.member(coordinator, "milo", enrolments=enrolled(care, "mentor"))
    await network.member(coordinator, "mira", enrolments=enrolled(other, "mentor"))
    away = await network.member(coordinator, "minna", enrolments=enrolled(care, "mentor"))
    await coordinator.post(f"/members/{away['id']}/deactivate")
    elsewhere = await network.institution(f"{here}x")
    await network.member(elsewhere, "mitch")
    answer = await mentee.get("/me/mentors", programme=care, name="mi")
    assert answer.json()["items"] == [{"id": found["id"], "name": "Milo"}]
    assert (await mentee.get("/me/mentors", programme=other, name="mi")).status_code == 404
    assert (await mentee.get("/me/mentors", programme=care, name="m")).status_code == 422
    assert (await coordinator.get("/me/mentors", programme=care, name="mi")).status_code == 404
