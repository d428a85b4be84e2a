"""Rounds in the service, on a real MongoDB with a real solver process: opened, solved, verified, published."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.dev import app as dev
from deploy.issuer import LocalIssuer
from tests.component.matching_kit import CARE, NORTH, SOUTH, institution, mentee, mentor, programme, running, signed_in
from tests.component.rounds_api import CARLA, RoundsApi
from tests.eventually import eventually

BEN_TO_MARA = {"mentee": "ben", "mentor": "mara"}


@pytest.fixture
async def api(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, tmp_path: Path) -> AsyncIterator[RoundsApi]:
    """Two institutions that exchange; mara has one seat, milo two; four mentees, one of them of the other."""
    async with running(mongo_uri, kafka_bootstrap, issuer, work=("solving", "publishing", "due")) as matching:
        await matching.receive(institution(NORTH, exchanges_with=(SOUTH,)), institution(SOUTH, exchanges_with=(NORTH,)))
        await matching.receive(programme())
        await matching.join(mentor("mara", capacity=1), mentor("milo", across_institutions=True))
        await matching.join(mentee("ana"), mentee("ben"), mentee("cleo"))
        await matching.join(mentee("sid", SOUTH, across_institutions=True))
        yield RoundsApi(matching, tmp_path)


async def test_a_round_is_opened_solved_checked_and_published(api: RoundsApi) -> None:
    round = await api.opened(pins=[BEN_TO_MARA])
    seen = await api.until(round, "pending")
    assert (seen["mentees"], seen["mentors"], seen["places"]) == (4, 2, {"planned": 3, "left": 1})
    assert seen["figures"]["fit"]["matched"] == seen["figures"]["coverage"]["matched"] == 3
    assert await api.verified(round) == 0
    assert b"mara" not in b"".join(path.read_bytes() for path in await api.files(round))
    assert await api.matching.facts() == []
    assert (await api.matching.get("/me/rounds", "ben", NORTH)).json() == []

    assert (await api.act(round, "publish")).json()["state"] == "publishing"
    seen = await api.until(round, "published")

    pairs = await api.pairs(round, state="opened")
    assert pairs["ben"] == "mara"
    assert await api.matching.seats() == {"mara": 1, "milo": 2}
    facts = await api.matching.facts()
    assert sorted(name for name, _ in facts) == [
        *["relationship.opened"] * 3,
        "round.mentee_unmatched",
        "round.published",
    ]
    opened = {data["mentee"]["member"]: data for name, data in facts if name == "relationship.opened"}
    assert opened.keys() == pairs.keys()
    assert [recipient["member"] for recipient in opened["ben"]["recipients"]] == ["ben", "mara"]
    assert opened["ben"]["round"] == round
    assert seen["places"] == {"opened": 3, "unmatched": 1}
    [(_, payload)] = await api.matching.facts("round.published")
    assert (payload["opened"], payload["unmatched"], payload["input_sha256"]) == (3, 1, seen["input"]["sha256"])


async def test_unmatched_mentees_wait_in_order_and_longer_in_the_next_round(api: RoundsApi) -> None:
    exclusions = [{"mentee": "ana", "mentor": who} for who in ("mara", "milo")]
    first = await api.published(target="coverage", exclusions=exclusions)
    [waiting] = await api.waitlist(first)
    assert (waiting["position"], waiting["mentee"]["member"], waiting["reason"]) == (1, "ana", "excluded")
    [mine] = (await api.matching.get("/me/rounds", "ana", NORTH)).json()
    assert (mine["state"], mine["position"], mine["reason"]) == ("unmatched", 1, "excluded")
    assert mine["would_change"]
    table = list(csv.DictReader(io.StringIO((await api.get(f"/rounds/{first}/waitlist", format="csv")).text)))
    assert [(row["position"], row["mentee"]) for row in table] == [("1", "ana")]

    earlier = datetime.now(UTC) - timedelta(days=40)
    await api.matching.database["places"].update_many({}, {"$set": {"waiting_since": earlier}})
    await api.matching.join(mentee("new"), mentor("mila", capacity=1))
    second = await api.published()
    assert await api.pairs(second, state="opened") == {"ana": "mila"}, "who waits longer goes first"
    assert [entry["mentee"]["member"] for entry in await api.waitlist(second)] == ["new"]
    assert await api.waitlist(first) == [], "who has a mentor waits no more"


async def test_both_targets_are_solved_from_the_same_people_and_replayed(api: RoundsApi) -> None:
    round = await api.solved(target="fit")
    first = [path.read_bytes() for path in await api.files(round)]
    assert (await api.act(round, "target", target="coverage")).json()["state"] == "running"
    await api.until(round, "pending")
    assert await api.verified(round) == 0
    files = await api.files(round)
    assert b'"target":"coverage"' in files[0].read_bytes()
    replayed = CliRunner().invoke(dev, ["match", "--replay", *map(str, files)])
    assert replayed.exit_code == 0, replayed.output
    await api.act(round, "target", target="fit")
    await api.until(round, "pending")
    assert [path.read_bytes() for path in await api.files(round)] == first, "the same input, the same bytes"


async def test_an_impossible_pair_lapses_is_announced_and_listed(api: RoundsApi) -> None:
    round = await api.solved(pins=[BEN_TO_MARA, {"mentee": "ana", "mentor": "milo"}])
    await api.matching.receive(signed_in(mentee("ben"), never=("mara",)))
    await api.matching.answer_request("milo", await api.matching.request_mentor("cleo", "milo"), "accept")
    await api.matching.receive(mentor("milo", capacity=1, across_institutions=True))
    await api.act(round, "publish")
    seen = await api.until(round, "published")
    assert await api.pairs(round, state="lapsed") == {
        mentee: mentor for mentee, mentor in (await api.pairs(round)).items() if mentor is not None
    }
    lapsed = {data["mentee"]["member"]: data for _, data in await api.matching.facts("round.pair_lapsed")}
    assert (lapsed["ben"]["reason"], lapsed["ana"]["reason"]) == ("not_available", "not_available")
    assert [recipient["member"] for recipient in lapsed["ben"]["recipients"]] == ["ben"]
    page = (await api.get(f"/rounds/{round}/pairs", state="lapsed")).json()["items"]
    reasons = {pair["mentee"]["member"]: pair["reason"] for pair in page}
    assert (reasons["ben"], reasons["ana"]) == ("not_available", "no_seat_left")
    waits = {entry["mentee"]["member"] for entry in await api.waitlist(round)}
    assert {"ben", "ana"} <= waits
    assert "cleo" not in waits, "matched elsewhere: no notification and no waiting"
    assert await api.matching.seats() == {"milo": 1}
    assert seen["places"].get("opened", 0) == 0


async def test_other_requests_of_matched_mentees_are_withdrawn(api: RoundsApi) -> None:
    await api.matching.request_mentor("ben", "mara")
    await api.matching.request_mentor("ben", "milo")
    await api.matching.request_mentor("ana", "mara")
    await api.published(pins=[BEN_TO_MARA], exclusions=[{"mentee": "ana", "mentor": "milo"}])
    withdrawn = await api.matching.facts("request.withdrawn")
    reasons = {(data["mentee"]["member"], data["mentor"]["member"]): data["reason"] for _, data in withdrawn}
    assert reasons == {
        ("ben", "mara"): "matched_in_round",
        ("ben", "milo"): "matched_elsewhere",
        ("ana", "mara"): "not_available",
    }


async def test_own_wishes_come_first_and_a_mentee_with_a_mentor_takes_no_part(api: RoundsApi) -> None:
    await api.matching.answer_request("milo", await api.matching.request_mentor("cleo", "milo"), "accept")
    round = await api.solved(
        wishes=[{"mentee": "ana", "mentors": ["mara"]}, {"mentee": "sid", "mentors": ["mara", "milo"]}],
        mentor_wishes=[{"mentor": "mara", "mentees": ["ana"]}],
    )
    pairs = await api.pairs(round)
    assert pairs.keys() == {"ana", "ben", "sid"}
    assert pairs["ana"] == "mara"
    assert await api.verified(round) == 0


BAD_ORDERS: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown": ({"wishes": [{"mentee": "ana", "mentors": ["nobody"]}]}, "round_orders_invalid", "wishes.0.mentors.0"),
    "no mentee": ({"wishes": [{"mentee": "mara", "mentors": ["milo"]}]}, "round_orders_invalid", "wishes.0.mentee"),
    "twice": (
        {"wishes": [{"mentee": "ana", "mentors": ["mara", "mara"]}]},
        "round_orders_invalid",
        "wishes.0.mentors.1",
    ),
    "two pins": ({"pins": [BEN_TO_MARA, {"mentee": "ben", "mentor": "milo"}]}, "round_orders_invalid", "pins.1"),
    "excluded": ({"pins": [BEN_TO_MARA], "exclusions": [BEN_TO_MARA]}, "round_orders_invalid", "pins.0"),
    "forbidden": ({"pins": [{"mentee": "sid", "mentor": "mara"}]}, "round_orders_invalid", "pins.0"),
    "too many": ({"pins": [BEN_TO_MARA, {"mentee": "ana", "mentor": "mara"}]}, "round_infeasible", "pins.0"),
    "negative": ({"list_length": -1}, "request_invalid", "list_length"),
    "unknown field": ({"capacity": -1}, "request_invalid", "capacity"),
    "no target": ({"target": "luck"}, "request_invalid", "target"),
}


async def test_orders_that_cannot_be_kept_are_refused_with_their_place(api: RoundsApi) -> None:
    for name, (body, code, place) in BAD_ORDERS.items():
        answer = await api.open(**body)
        assert (answer.status_code, answer.json()["type"]) == (422, f"urn:preceptor:problem:{code}"), name
        assert place in [error["field"] for error in answer.json()["errors"]], name
    assert await api.matching.database["rounds"].count_documents({}) == 0


async def test_malformed_orders_and_nan_are_refused(api: RoundsApi) -> None:
    token = api.matching.issuer.token(CARLA, institution=NORTH, roles=("institution_coordinator",))
    headers = {"authorization": f"Bearer {token}", "idempotency-key": "junk", "content-type": "application/json"}
    path = f"/programmes/{CARE}/rounds"
    for content, status in ((b"x" * 10_000_000, 413), (b'{"score_band": NaN}', 400), (b"\xff\xfe", 400)):
        answer = await api.matching.client.post(path, headers=headers, content=content)
        assert answer.status_code == status, answer.text


async def test_a_pin_that_became_impossible_drops_the_round_with_the_reason(api: RoundsApi) -> None:
    leases = api.matching.database["leases"]
    taken = {"holder": "another", "token": 99, "until": datetime(2100, 1, 1, tzinfo=UTC)}
    await leases.update_one({"_id": "solving"}, {"$set": taken}, upsert=True)
    round = await api.opened(pins=[BEN_TO_MARA])
    await api.matching.receive(mentor("mara", capacity=0))
    await leases.update_one({"_id": "solving"}, {"$set": {"until": datetime(2000, 1, 1, tzinfo=UTC)}})
    seen = await api.until(round, "dropped")
    assert (seen["trouble"]["code"], seen["trouble"]["errors"][0]["field"]) == ("round_orders_invalid", "pins.0")


async def test_only_the_owners_coordinators_know_of_a_round(api: RoundsApi) -> None:
    round = await api.solved()
    get, post = api.matching.get, api.matching.post
    for path in ("", "/input", "/result", "/pairs", "/waitlist"):
        known = await get(f"/rounds/{round}{path}", "xeno", SOUTH, "coordinator")
        unknown = await get(f"/rounds/nothing{path}", CARLA, NORTH, "coordinator")
        assert (known.status_code, known.json()) == (404, unknown.json())
        assert (await get(f"/rounds/{round}{path}", "ana", NORTH)).status_code == 403
        other = await get(f"/rounds/{round}{path}", CARLA, NORTH, "coordinator", programmes=["other"])
        assert other.status_code == 403
    for verb in ("publish", "drop"):
        assert (await post(f"/rounds/{round}/{verb}", "xeno", SOUTH, version=3, role="coordinator")).status_code == 404
    not_owned = await post(f"/programmes/{CARE}/rounds", "xeno", SOUTH, role="coordinator")
    assert (not_owned.status_code, not_owned.json()["type"]) == (403, "urn:preceptor:problem:programme_not_owned")
    assert (await post("/programmes/nothing/rounds", CARLA, role="coordinator")).status_code == 404
    assert (await get(f"/programmes/{CARE}/rounds", "xeno", SOUTH, "coordinator")).status_code == 403
    assert [item["id"] for item in (await api.get(f"/programmes/{CARE}/rounds")).json()["items"]] == [round]


async def test_a_round_is_published_as_it_was_last_seen_or_not_at_all(api: RoundsApi) -> None:
    round = await api.solved()
    post = api.matching.post
    assert (await post(f"/rounds/{round}/publish", CARLA, role="coordinator")).status_code == 428
    assert (await post(f"/rounds/{round}/publish", CARLA, version=1, role="coordinator")).status_code == 412
    assert (await api.act(round, "drop")).json()["state"] == "dropped"
    late = await api.act(round, "publish")
    assert (late.status_code, late.json()["type"]) == (409, "urn:preceptor:problem:round_not_pending")
    assert await api.matching.facts() == []


async def test_a_dropped_rounds_files_are_deleted_and_durations_are_measured(api: RoundsApi) -> None:
    round, database = await api.solved(), api.matching.database

    async def is_cleared() -> bool:
        left = [await database[name].count_documents({"round": round}) for name in ("round_chunks", "places")]
        return left == [0, 0]

    await api.act(round, "drop")
    await eventually(is_cleared)
    gone = await api.get(f"/rounds/{round}/result")
    assert (gone.status_code, gone.json()["type"]) == (409, "urn:preceptor:problem:round_not_solved")
    assert (await api.get(f"/rounds/{round}/pairs")).json()["items"] == []
    metrics = (await api.matching.client.get("/metrics")).text
    assert 'matching_round_seconds_count{result="solved"} 1.0' in metrics
    assert 'matching_round_seconds_count{result="failed"} 0.0' in metrics


async def test_a_programme_without_members_has_an_empty_round(api: RoundsApi) -> None:
    for who in ("mara", "milo", "ana", "ben", "cleo"):
        await api.matching.receive((mentor if who[0] == "m" else mentee)(who, status="inactive"))
    await api.matching.receive(mentee("sid", SOUTH, status="inactive"))
    round = await api.solved()
    assert await api.verified(round) == 0
    await api.act(round, "publish")
    assert (await api.until(round, "published"))["places"] == {}


async def test_a_mentee_who_leaves_is_off_the_waiting_list(api: RoundsApi) -> None:
    exclusions = [{"mentee": "ana", "mentor": who} for who in ("mara", "milo")]
    round = await api.published(exclusions=exclusions)
    await api.matching.receive(mentee("ana", status="inactive"))
    await eventually(api.matching.departures_are_handled)
    assert "ana" not in [entry["mentee"]["member"] for entry in await api.waitlist(round)]
