"""Who sees what of a list, over HTTP."""

import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from deploy.issuer import LocalIssuer
from shared.contracts.profiles import FACTORS, ProgrammeLimits
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


@pytest.fixture(scope="module")
async def matching(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    """One for all tests that only read."""
    async with _founded(mongo_uri, kafka_bootstrap, issuer) as matching:
        yield matching


@pytest.fixture
async def fresh(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    async with _founded(mongo_uri, kafka_bootstrap, issuer) as matching:
        yield matching


@asynccontextmanager
async def _founded(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    async with running(mongo_uri, kafka_bootstrap, issuer) as matching:
        await matching.receive(institution(NORTH, exchanges_with=(SOUTH,)), institution(SOUTH, exchanges_with=(NORTH,)))
        await matching.receive(programme(limits=ProgrammeLimits(list_length=2)))
        ana = mentee("ana", topics_wanted=("research", "careers", "ethics"))
        await matching.receive(signed_in(ana), signed_in(mentor("mara"), never=("ben",)))
        await matching.receive(mentor("mara"), mentor("milo", topics_offered=("research",), time_zone="Asia/Tokyo"))
        await matching.receive(ana, mentee("ben"))
        await matching.until_list("ana", "mara", "milo")
        await matching.until_list("ben", "milo")
        yield matching


LIST = "/mentees/ana/suggestions"


async def test_a_mentee_sees_mentors_and_reasons_and_no_weights(matching: Matching) -> None:
    answer = await matching.get(LIST, "ana", NORTH, programme=CARE)
    assert answer.status_code == 200, answer.text
    first = answer.json()["items"][0]
    assert (first["mentor"], first["rank"], first["card"]["named"]) == ("mara", 1, True)
    assert "Offers 2 of the 3 topics you want: careers and research." in first["reasons"]
    assert first["factors"]["topics"] == 66
    assert "contributions" not in answer.text
    assert "weights" not in answer.text
    [mine] = (await matching.get("/me/suggestions", "ana", NORTH)).json()
    assert mine == answer.json()


async def test_a_coordinator_sees_pairs_and_ranks_only(matching: Matching) -> None:
    answer = await matching.get(LIST, "carla", NORTH, "coordinator", programme=CARE)
    assert answer.json()["items"][0] == {"mentor": "mara", "institution": NORTH, "rank": 1}
    why = await matching.get("/mentees/ben/why-not/mara", "carla", NORTH, "coordinator", programme=CARE)
    assert why.json() == {"mentor": "mara", "code": "not_available"}


@pytest.mark.parametrize(
    ("subject", "home", "role", "status"),
    [
        ("ben", NORTH, "member", 404),
        ("stranger", NORTH, "member", 404),
        ("ana", SOUTH, "member", 404),
        ("carla", SOUTH, "coordinator", 404),
        ("robot", NORTH, "integrator", 403),
    ],
)
async def test_a_list_of_another_member_is_answered_like_an_unknown_id(
    matching: Matching, subject: str, home: str, role: str, status: int
) -> None:
    answer = await matching.get(LIST, subject, home, role, programme=CARE)
    unknown = await matching.get("/mentees/nobody/suggestions", subject, home, role, programme=CARE)
    assert answer.status_code == unknown.status_code == status
    assert answer.json() == unknown.json()


async def test_a_coordinator_of_another_programme_sees_no_list_of_this_programme(matching: Matching) -> None:
    answer = await matching.get(LIST, "carla", NORTH, "coordinator", programmes=["other"], programme=CARE)
    assert answer.status_code == 404
    unmatched = await matching.get(f"/programmes/{CARE}/unmatched", "carla", NORTH, "coordinator", programmes=["other"])
    assert unmatched.status_code == 403


async def test_an_outdated_list_offers_no_seat_that_is_taken(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    async with running(mongo_uri, kafka_bootstrap, issuer, coalesce_seconds=3600) as matching:
        await matching.receive(
            institution(NORTH), programme(), signed_in(mentee("ana")), mentor("mara"), mentor("milo")
        )
        await matching.receive(mentee("ana"))
        await matching.until_list("ana", *sorted(await _two(matching)))
        await matching.receive(mentor("mara", capacity=0))
        answer = (await matching.get(LIST, "ana", NORTH, programme=CARE)).json()
        assert [item["mentor"] for item in answer["items"]] == ["milo"]
        assert answer["withdrawn"] == 1


async def _two(matching: Matching) -> list[str]:
    from tests.eventually import eventually

    return await eventually(lambda: matching.mentors_of("ana"))


async def test_why_not_names_only_reasons_that_both_profiles_show(fresh: Matching) -> None:
    await fresh.receive(
        mentor("deutsch", languages=("de",)),
        mentor("phone", formats=("phone",)),
        mentor("full", capacity=0),
        mentor("away", paused=True),
        mentor("shy", SOUTH),
        mentor("low", topics_offered=("surgery",), specialty="surgery", time_zone="Asia/Tokyo"),
    )
    codes = {}
    for other in ("mara", "milo", "deutsch", "phone", "full", "away", "shy", "low"):
        answer = await fresh.get(f"/mentees/ana/why-not/{other}", "ana", NORTH, programme=CARE)
        codes[other] = answer.json()["code"]
    assert codes == {
        "mara": "suggested",
        "milo": "suggested",
        "deutsch": "no_common_language",
        "phone": "no_common_format",
        "full": "not_available",
        "away": "not_available",
        "shy": "not_available",
        "low": "scores_below",
    }
    low = (await fresh.get("/mentees/ana/why-not/low", "ana", NORTH, programme=CARE)).json()
    assert low["explanation"].endswith("is a better fit for the specialty and the topics you want.")
    unknown = await fresh.get("/mentees/ana/why-not/nobody", "ana", NORTH, programme=CARE)
    assert unknown.status_code == 404


async def test_a_mentor_of_an_institution_without_exchange_is_answered_as_unknown(fresh: Matching) -> None:
    await fresh.receive(institution(SOUTH), mentor("shy", SOUTH))
    shy, unknown = [
        await fresh.get(f"/mentees/ana/why-not/{other}", "ana", NORTH, programme=CARE) for other in ("shy", "nobody")
    ]
    assert shy.status_code == 404
    assert shy.json() == unknown.json()


async def test_the_unmatched_come_with_reasons_by_page_and_as_a_file(fresh: Matching) -> None:
    await fresh.receive(mentee("quiet", topics_wanted=()), mentee("romand", languages=("fr",)), mentee("far", SOUTH))
    for member in ("quiet", "romand", "far"):
        await fresh.until_list(member)
    path = f"/programmes/{CARE}/unmatched"
    first = (await fresh.get(path, "carla", NORTH, "coordinator", limit=1)).json()
    second = (await fresh.get(path, "carla", NORTH, "coordinator", limit=1, cursor=first["next"])).json()
    assert [(item["mentee"], item["reason"]["code"]) for item in (*first["items"], *second["items"])] == [
        ("quiet", "profile_incomplete"),
        ("romand", "no_common_language"),
    ]
    for options in ({"format": "csv"}, {"headers": {"accept": "text/csv"}}):
        answer = await fresh.get(path, "carla", NORTH, "coordinator", **options)
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [row["mentee"] for row in rows] == ["quiet", "romand"]


@pytest.mark.parametrize(
    ("path", "role", "status"),
    [
        (f"/programmes/{CARE}/unmatched", "member", 403),
        ("/programmes/unknown/unmatched", "coordinator", 404),
        (f"/programmes/{CARE}/unmatched?cursor=nonsense", "coordinator", 422),
        (f"/programmes/{CARE}/unmatched?cursor=MQ", "coordinator", 422),
        (f"/programmes/{CARE}/unmatched?limit=0", "coordinator", 422),
        (f"/programmes/{CARE}/unmatched?format=xlsx", "coordinator", 422),
        ("/mentees/ana/suggestions", "coordinator", 422),
        ("/mentees/a%20b/suggestions?programme=care", "coordinator", 422),
    ],
)
async def test_a_wrong_request_is_answered_with_problem_details(
    matching: Matching, path: str, role: str, status: int
) -> None:
    answer = await matching.get(path, "carla", NORTH, role)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_without_a_token_there_is_nothing_and_health_and_metrics_answer(matching: Matching) -> None:
    assert (await matching.client.get(LIST, params={"programme": CARE})).status_code == 401
    assert (await matching.client.get("/health/ready")).status_code == 200
    metrics = (await matching.client.get("/metrics")).text
    assert "matching_lists_computed_total" in metrics
    assert "matching_own_change_seconds_count" in metrics


TOPICS_ALONE = ",".join(f"{factor}:{100 if factor == 'topics' else 0}" for factor in FACTORS)


async def test_the_directory_shows_those_whom_a_mentee_may_ask_only(matching: Matching) -> None:
    answer = await matching.get("/me/mentors", "ana", NORTH, programme=CARE)
    assert answer.status_code == 200, answer.text
    first = answer.json()["items"][0]
    assert [each["mentor"] for each in answer.json()["items"]] == ["mara", "milo"]
    assert (first["card"]["named"], first["factors"]["topics"]) == (True, 66)
    assert "reasons" not in first
    careers = await matching.get("/me/mentors", "ana", NORTH, programme=CARE, topic="careers")
    assert [each["mentor"] for each in careers.json()["items"]] == ["mara"]
    page = (await matching.get("/me/mentors", "ana", NORTH, programme=CARE, limit=1)).json()
    following = await matching.get("/me/mentors", "ana", NORTH, programme=CARE, limit=1, cursor=page["next"])
    assert [each["mentor"] for each in following.json()["items"]] == ["milo"]
    known = (await matching.get("/me/mentors", "ana", NORTH, programme=CARE, mentor=["milo", "unknown"])).json()
    assert [each["mentor"] for each in known["items"]] == ["milo"]


async def test_other_weights_are_tried_on_the_directory_without_being_stored(matching: Matching) -> None:
    only_topics = await matching.get("/me/mentors", "ana", NORTH, programme=CARE, weights=TOPICS_ALONE)
    assert only_topics.status_code == 200, only_topics.text
    first = only_topics.json()["items"][0]
    assert first["match"] == first["factors"]["topics"]
    usual = (await matching.get("/me/mentors", "ana", NORTH, programme=CARE)).json()["items"][0]
    assert usual["match"] != usual["factors"]["topics"]
    for wrong in ("topics", "topics:101", "rank:5", "topics:-1"):
        assert (await matching.get("/me/mentors", "ana", NORTH, programme=CARE, weights=wrong)).status_code == 422


async def test_a_directory_is_the_mentee_s_own(matching: Matching) -> None:
    for subject, home, role, status in [
        ("stranger", NORTH, "member", 404),
        ("ana", SOUTH, "member", 404),
        ("carla", NORTH, "coordinator", 403),
    ]:
        answer = await matching.get("/me/mentors", subject, home, role, programme=CARE)
        assert answer.status_code == status, (subject, answer.text)
