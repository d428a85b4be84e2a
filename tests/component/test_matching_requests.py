"""Asking and answering over HTTP, on a real MongoDB: who may, what is kept, who is told, what the lists make of it."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from deploy.issuer import LocalIssuer
from services.matching.domain.pairs import Pair, Party
from services.matching.domain.relationships import begin
from services.matching.store.pairs import APART, due
from services.matching.store.requests import RequestStore
from services.matching.usecases.due import Due
from shared.clock import SystemClock
from shared.contracts.envelope import Trace
from shared.errors import StaleVersion
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
from tests.eventually import eventually

ANA, MARA = {"member": "ana", "institution": NORTH}, {"member": "mara", "institution": NORTH}


@pytest.fixture
async def matching(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    async with running(mongo_uri, kafka_bootstrap, issuer, work=("lists", "due")) as matching:
        await matching.say(institution(NORTH, exchanges_with=(SOUTH,)), institution(SOUTH, exchanges_with=(NORTH,)))
        await matching.say(programme())
        await _join(matching, mentor("mara", capacity=1), mentor("milo"), mentee("ana"), mentee("ben"))
        yield matching


@pytest.fixture
async def another(matching: Matching, mongo_uri: str, kafka_bootstrap: str) -> AsyncIterator[Matching]:
    """A second process on the same database: the crowd in one process waits in line before a mentor."""
    database = matching.database.name
    async with running(mongo_uri, kafka_bootstrap, matching.issuer, work=(), database=database) as another:
        yield another


async def _join(matching: Matching, *people: Any) -> None:
    await matching.say(*people, *(signed_in(one) for one in people))


async def _seats(matching: Matching) -> dict[str, int]:
    return {one["_id"]: one["taken"] async for one in matching.database["seats"].find() if one["taken"]}


async def test_a_request_is_made_seen_by_both_and_accepted(matching: Matching) -> None:
    made = await matching.post("/mentees/ana/requests", "ana", programme=CARE, mentor="mara", message="May I?")
    assert (made.status_code, made.json()["state"], made.headers["etag"]) == (201, "pending", '"1"')
    request = made.json()["id"]
    assert made.headers["location"] == f"/requests/{request}"
    [seen] = (await matching.get("/me/requests", "mara", NORTH, side="mentor", state="pending")).json()["items"]
    assert (seen["id"], seen["message"], seen["named"]) == (request, "May I?", True)

    accepted = await matching.answers("mara", request, "accept")

    assert (accepted["state"], await _seats(matching)) == ("accepted", {"mara": 1})
    [relationship] = (await matching.get("/me/relationships", "ana", NORTH)).json()["items"]
    assert (relationship["id"], relationship["state"]) == (accepted["relationship"], "active")
    facts = await matching.facts()
    assert [(name, data["recipients"]) for name, data in facts] == [
        ("request.made", [MARA]),
        ("request.accepted", [ANA]),
        ("relationship.opened", []),
    ]
    assert "May I?" not in str(await matching.events())


async def test_of_two_hundred_accepts_for_the_last_seat_exactly_one_wins(matching: Matching) -> None:
    crowd = [mentee(f"m{number}") for number in range(200)]
    await _join(matching, *crowd)
    requests = [await matching.asks(one.member, "mara") for one in crowd]

    answers = await asyncio.gather(*(matching.post(f"/requests/{one}/accept", "mara") for one in requests))

    told = Counter((one.status_code, one.json().get("type", "")) for one in answers)
    assert told == {(200, ""): 1, (409, "urn:preceptor:problem:no_seat_left"): 199}
    assert await _seats(matching) == {"mara": 1}
    assert await matching.database["relationships"].count_documents({}) == 1
    withdrawn = await matching.facts("request.withdrawn")
    assert {data["reason"] for _, data in withdrawn} == {"not_available"}
    assert len({data["recipients"][0]["member"] for _, data in withdrawn}) == len(withdrawn) == 199
    assert await matching.database["requests"].count_documents({"state": "pending"}) == 0


async def test_two_processes_give_no_seat_twice(matching: Matching, another: Matching) -> None:
    crowd = [mentee(f"m{number}") for number in range(40)]
    await _join(matching, mentor("mara", capacity=3), *crowd)
    requests = [await matching.asks(one.member, "mara") for one in crowd]
    each = [(matching, another)[number % 2] for number in range(40)]
    answers = await asyncio.gather(
        *(one.post(f"/requests/{request}/accept", "mara") for one, request in zip(each, requests, strict=True))
    )
    assert Counter(one.status_code for one in answers) == {200: 3, 409: 37}
    assert await _seats(matching) == {"mara": 3}
    assert await matching.database["relationships"].count_documents({}) == 3


async def test_whose_wish_is_fulfilled_asks_nobody_else_in_that_programme(matching: Matching) -> None:
    first, second = await matching.asks("ana", "mara"), await matching.asks("ana", "milo")
    await matching.answers("mara", first, "accept")
    [(_, told)] = await matching.facts("request.withdrawn")
    assert (told["request"], told["reason"], [one["member"] for one in told["recipients"]]) == (
        second,
        "matched_elsewhere",
        ["milo"],
    )
    refused = await matching.post(f"/requests/{second}/accept", "milo")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:preceptor:problem:request_not_pending")


async def test_two_mentors_who_accept_the_same_mentee_at_once_do_not_both_get_them(matching: Matching) -> None:
    first, second = await matching.asks("ana", "mara"), await matching.asks("ana", "milo")
    answers = await asyncio.gather(
        matching.post(f"/requests/{first}/accept", "mara"), matching.post(f"/requests/{second}/accept", "milo")
    )
    assert sorted(one.status_code for one in answers) == [200, 409]
    assert sum((await _seats(matching)).values()) == 1


async def test_at_most_five_are_pending_however_many_are_sent_at_once(matching: Matching, another: Matching) -> None:
    await _join(matching, *(mentor(f"mentor-{number}") for number in range(12)))
    sent = await asyncio.gather(
        *((matching, another)[number % 2].ask("ana", f"mentor-{number}") for number in range(12))
    )
    told = Counter((one.status_code, one.json().get("type", "")) for one in sent)
    assert told == {(201, ""): 5, (409, "urn:preceptor:problem:too_many_pending"): 7}


async def test_the_same_mentor_is_asked_once_at_a_time_and_the_same_key_makes_one_request(matching: Matching) -> None:
    body = {"programme": CARE, "mentor": "mara", "message": "May I?"}
    sent = [await matching.post("/mentees/ana/requests", "ana", key="one", **body) for _ in range(2)]
    assert sent[0].json() == sent[1].json()
    again = await matching.post("/mentees/ana/requests", "ana", **body)
    assert (again.status_code, again.json()["type"]) == (409, "urn:preceptor:problem:already_asked")
    assert await matching.database["requests"].count_documents({}) == 1


async def test_whatever_keeps_a_mentor_is_one_code_to_the_asker(matching: Matching) -> None:
    people = {
        "never": (mentor("never"), {"never": ("ana",)}),
        "paused": (mentor("paused", paused=True), {}),
        "full": (mentor("full", capacity=0), {}),
        "far": (mentor("far", SOUTH), {}),
        "mute": (mentor("mute", languages=("fi",)), {}),
    }
    for who, private in people.values():
        await matching.say(who, signed_in(who, **private))
    codes = {}
    for other in (*people, "nobody", "ben"):
        answer = await matching.ask("ana", other)
        codes[other] = (answer.status_code, answer.json()["type"].rpartition(":")[2])
    assert codes == {
        **dict.fromkeys(people, (409, "not_available")),
        "nobody": (404, "mentor_not_found"),
        "ben": (404, "mentor_not_found"),
    }


async def test_the_hard_rules_hold_again_when_a_request_is_accepted(matching: Matching) -> None:
    request = await matching.asks("ana", "mara")
    await matching.say(signed_in(mentee("ana"), never=("mara",)))
    refused = await matching.post(f"/requests/{request}/accept", "mara")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:preceptor:problem:not_available")
    assert await _seats(matching) == {}


@pytest.mark.parametrize(
    ("path", "subject", "home"),
    [
        ("/mentees/ana/requests", "ben", NORTH),
        ("/mentees/ana/requests", "ana", SOUTH),
        ("/requests/{id}/accept", "ana", NORTH),
        ("/requests/{id}/accept", "milo", NORTH),
        ("/requests/{id}/accept", "mara", SOUTH),
        ("/requests/{id}/decline", "ben", NORTH),
        ("/requests/{id}/withdraw", "mara", NORTH),
        ("/requests/nothing/accept", "mara", NORTH),
    ],
)
async def test_nobody_acts_for_somebody_else(matching: Matching, path: str, subject: str, home: str) -> None:
    request = await matching.asks("ana", "mara")
    body = {"programme": CARE, "mentor": "milo", "message": ""} if path.startswith("/mentees") else {}
    answer = await matching.post(path.format(id=request), subject, home, **body)
    assert answer.status_code == 404, answer.text
    assert await matching.database["requests"].count_documents({"state": "pending"}) == 1


async def test_another_tenant_or_another_person_cannot_tell_that_there_is_a_request(matching: Matching) -> None:
    request = await matching.asks("ana", "mara")
    for subject, home, role in (("ben", NORTH, "member"), ("ana", SOUTH, "member"), ("carla", SOUTH, "coordinator")):
        known = await matching.get(f"/requests/{request}", subject, home, role)
        unknown = await matching.get("/requests/nothing", subject, home, role)
        assert (known.status_code, known.json()) == (404, unknown.json())
    of_south = await matching.get(f"/programmes/{CARE}/requests", "carla", SOUTH, "coordinator")
    assert of_south.json()["items"] == []


async def test_a_coordinator_sees_pairs_states_and_reason_codes_only(matching: Matching) -> None:
    request = await matching.asks("ana", "mara")
    await matching.answers("mara", request, "decline", reason="no_time")
    page = await matching.get(f"/programmes/{CARE}/requests", "carla", NORTH, "coordinator")
    one = await matching.get(f"/requests/{request}", "carla", NORTH, "coordinator")
    assert page.json()["items"] == [one.json()]
    assert (one.json()["state"], one.json()["reason"]) == ("declined", "no_time")
    assert "message" not in one.json()
    refused = await matching.get(f"/programmes/{CARE}/requests", "carla", NORTH, "coordinator", programmes=["other"])
    assert refused.status_code == 403


async def test_across_institutions_both_hear_and_nobody_is_named_before_the_yes(matching: Matching) -> None:
    await _join(matching, mentor("far", SOUTH, across_institutions=True), mentee("out", across_institutions=True))
    request = await matching.asks("out", "far")
    assert not (await matching.get(f"/requests/{request}", "far", SOUTH)).json()["named"]
    await matching.answers("far", request, "accept", SOUTH)
    assert (await matching.get(f"/requests/{request}", "out", NORTH)).json()["named"]
    [told] = (await matching.get(f"/programmes/{CARE}/relationships", "carla", SOUTH, "coordinator")).json()["items"]
    assert told["mentee"] == {"member": "out", "institution": NORTH}


async def test_pages_are_the_newest_first_and_complete(matching: Matching) -> None:
    made = [await matching.asks("ana", one) for one in ("mara", "milo")]
    await _join(matching, mentor("max"))
    made.append(await matching.asks("ana", "max"))
    seen, cursor = [], {}
    for _ in range(4):
        page = (await matching.get("/me/requests", "ana", NORTH, limit=1, **cursor)).json()
        seen += [one["id"] for one in page["items"]]
        cursor = {"cursor": page.get("next")}
        if not page.get("next"):
            break
    assert seen == made[::-1]
    for broken in ("nonsense", "MQ", "WyJ4IiwieSJd"):
        assert (await matching.get("/me/requests", "ana", NORTH, cursor=broken)).status_code == 422


async def test_an_answer_to_an_older_version_is_refused_and_answering_again_changes_nothing(matching: Matching) -> None:
    request = await matching.asks("ana", "mara")
    stale = await matching.post(f"/requests/{request}/decline", "mara", version=7)
    assert stale.status_code == 412
    first = await matching.post(f"/requests/{request}/decline", "mara", version=1)
    again = await matching.post(f"/requests/{request}/decline", "mara")
    assert (first.headers["etag"], again.json()) == ('"2"', first.json())
    assert len(await matching.facts("request.declined")) == 1
    late = await matching.post(f"/requests/{request}/accept", "mara")
    assert (late.status_code, late.json()["type"]) == (409, "urn:preceptor:problem:request_not_pending")


@pytest.mark.parametrize(
    "body",
    [
        {"programme": CARE, "mentor": "mara", "message": "x" * 2001},
        {"programme": CARE, "mentor": "mara", "message": "\ud800"},
        {"programme": CARE, "mentor": "ma ra", "message": ""},
        {"programme": CARE, "mentor": "mara"},
    ],
)
async def test_a_body_that_does_not_fit_is_refused(matching: Matching, body: dict[str, Any]) -> None:
    answer = await matching.post("/mentees/ana/requests", "ana", **body)
    assert answer.status_code == 422, answer.text


async def test_a_full_mentor_leaves_the_lists_and_a_freed_seat_brings_them_back(matching: Matching) -> None:
    await eventually(lambda: _suggested(matching, "ben", {"mara", "milo"}))
    request = await matching.asks("ana", "mara")
    accepted = await matching.answers("mara", request, "accept")
    await eventually(lambda: _suggested(matching, "ben", {"milo"}))
    await eventually(lambda: _suggested(matching, "ana", {"milo"}))
    shown = (await matching.get("/mentees/ana/suggestions", "ana", NORTH, programme=CARE)).json()
    assert [one["mentor"] for one in shown["items"]] == ["milo"]
    closed = await matching.post(f"/relationships/{accepted['relationship']}/close", "ana", reason="goals_reached")
    assert closed.json()["state"] == "closed"
    await eventually(lambda: _suggested(matching, "ben", {"mara", "milo"}))
    await eventually(lambda: _suggested(matching, "ana", {"mara", "milo"}))
    assert await _seats(matching) == {}
    [(_, told)] = await matching.facts("relationship.closed")
    assert (told["reason"], told["recipients"]) == ("goals_reached", [MARA])


async def _suggested(matching: Matching, who: str, mentors: set[str]) -> bool:
    return set(await matching.mentors_of(who) or ()) == mentors


async def test_what_binds_people_is_known_after_a_restart(
    matching: Matching, mongo_uri: str, kafka_bootstrap: str
) -> None:
    declined = await matching.asks("ana", "milo")
    await matching.answers("milo", declined, "decline")
    await matching.answers("mara", await matching.asks("ben", "mara"), "accept")
    database = matching.database.name
    async with running(mongo_uri, kafka_bootstrap, matching.issuer, coalesce_seconds=0.05, database=database) as other:
        await _join(other, mentee("cleo"))
        await eventually(lambda: _suggested(other, "cleo", {"milo"}), within=20)
        await eventually(lambda: _suggested(other, "ana", set()), within=20)


async def test_a_declined_pair_is_apart_until_time_has_passed_and_then_suggested_again(matching: Matching) -> None:
    request = await matching.asks("ana", "mara")
    await matching.answers("mara", request, "decline")
    await eventually(lambda: _suggested(matching, "ana", {"milo"}))
    again = await matching.ask("ana", "mara")
    assert again.json()["type"] == "urn:preceptor:problem:not_available"
    await _make_due(matching, request)
    await eventually(lambda: _suggested(matching, "ana", {"mara", "milo"}))
    await matching.asks("ana", "mara")


async def _make_due(matching: Matching, request: str) -> None:
    due = datetime(2020, 1, 1, tzinfo=UTC)
    await matching.database["requests"].update_one({"_id": request}, {"$set": {"due_at": due}})


async def test_an_unanswered_request_expires_once_and_the_mentee_is_told(matching: Matching) -> None:
    request = await matching.asks("ana", "mara")
    await _make_due(matching, request)
    await eventually(lambda: matching.facts("request.expired"))
    refused = await matching.post(f"/requests/{request}/accept", "mara")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:preceptor:problem:request_not_pending")
    [(_, told)] = await matching.facts("request.expired")
    assert told["recipients"] == [ANA]


async def test_who_becomes_inactive_leaves_no_request_and_no_seat_behind(matching: Matching) -> None:
    await _join(matching, mentor("mara", capacity=2))
    accepted = await matching.answers("mara", await matching.asks("ana", "mara"), "accept")
    await matching.asks("ben", "mara")
    await matching.say(mentor("mara", capacity=2, status="inactive"))
    await eventually(lambda: matching.facts("relationship.paused"))
    await eventually(lambda: matching.facts("request.withdrawn"))
    assert await _seats(matching) == {}
    [(_, paused)], [(_, withdrawn)] = [
        await matching.facts(name) for name in ("relationship.paused", "request.withdrawn")
    ]
    assert (paused["reason"], paused["recipients"]) == ("mentor_inactive", [ANA])
    assert (withdrawn["reason"], withdrawn["recipients"][0]["member"]) == ("not_available", "ben")
    path = f"/relationships/{accepted['relationship']}/resume"
    away = await matching.post(path, "ana")
    assert away.json()["type"] == "urn:preceptor:problem:not_available"

    await matching.say(mentor("mara", capacity=0))
    full = await matching.post(path, "ana")
    assert full.json()["type"] == "urn:preceptor:problem:no_seat_left"
    await matching.say(mentor("mara", capacity=1))
    assert (await matching.post(path, "ana")).json()["state"] == "active"
    assert await _seats(matching) == {"mara": 1}
    assert await matching.database["departures"].count_documents({}) == 0


async def test_an_erasure_closes_withdraws_and_takes_the_message_along(matching: Matching) -> None:
    await matching.answers("mara", await matching.asks("ana", "mara"), "accept")
    await matching.asks("ana", "milo")
    await matching.erase(mentee("ana"))
    await eventually(lambda: matching.facts("relationship.closed"))
    [(_, closed)], [(_, withdrawn)] = [
        await matching.facts(name) for name in ("relationship.closed", "request.withdrawn")
    ]
    assert (closed["reason"], closed["recipients"]) == ("mentee_left", [MARA])
    assert (withdrawn["reason"], [one["member"] for one in withdrawn["recipients"]]) == ("mentee_left", ["milo"])
    assert await _seats(matching) == {}
    assert await matching.database["requests"].distinct("message") == [""]


async def test_who_comes_back_before_the_command_is_worked_off_loses_nothing(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer
) -> None:
    async with running(mongo_uri, kafka_bootstrap, issuer, work=()) as idle:
        await idle.say(institution(NORTH), programme())
        await _join(idle, mentor("mara"), mentee("ana"))
        await idle.asks("ana", "mara")
        await idle.say(mentor("mara", status="inactive"))
        await idle.say(mentor("mara"))
        work = idle.service.background["due"]
        task = asyncio.create_task(work())
        await eventually(lambda: _nobody_leaves(idle))
        task.cancel()
        assert await idle.database["requests"].count_documents({"state": "pending"}) == 1


async def _nobody_leaves(matching: Matching) -> bool:
    return await matching.database["departures"].count_documents({}) == 0


async def test_a_pause_keeps_the_seat_and_the_other_one_hears_of_it(matching: Matching) -> None:
    accepted = await matching.answers("mara", await matching.asks("ana", "mara"), "accept")
    path = f"/relationships/{accepted['relationship']}"
    assert (await matching.post(f"{path}/pause", "mara", version=1)).json()["state"] == "paused"
    assert await _seats(matching) == {"mara": 1}
    twice = await matching.post(f"{path}/pause", "ben")
    assert twice.status_code == 404
    assert (await matching.post(f"{path}/resume", "ana")).headers["etag"] == '"3"'
    told = [(name, data["recipients"]) for name, data in await matching.facts() if name.startswith("relationship")]
    assert told == [("relationship.opened", []), ("relationship.paused", [ANA]), ("relationship.resumed", [MARA])]


@pytest.mark.parametrize(
    "wanted",
    [
        due(datetime(2027, 1, 1, tzinfo=UTC)),
        {"state": "pending", "mentor.member": "mara"},
        {"state": "pending", "mentee.member": "ana"},
        {"mentee.member": {"$in": ["ana"]}, **APART},
        {"parties": "ana", "institutions": NORTH},
        {"programme": CARE, "institutions": NORTH},
    ],
)
async def test_no_question_to_the_requests_reads_them_all(matching: Matching, wanted: dict[str, Any]) -> None:
    plan = await matching.database.command("explain", {"find": "requests", "filter": wanted})
    assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])


async def test_a_yes_and_a_no_and_a_withdrawal_at_once_settle_a_request_once(matching: Matching) -> None:
    for round_ in range(5):
        await _join(matching, mentor(f"m{round_}", capacity=1))
        request = await matching.asks("ana", f"m{round_}")
        answers = await asyncio.gather(
            matching.post(f"/requests/{request}/accept", f"m{round_}"),
            matching.post(f"/requests/{request}/decline", f"m{round_}", reason="no_time"),
            matching.post(f"/requests/{request}/withdraw", "ana"),
        )
        assert sorted(one.status_code for one in answers) == [200, 409, 409]
        stands = (await matching.get(f"/requests/{request}", "ana", NORTH)).json()
        assert (await _seats(matching)).get(f"m{round_}", 0) == (stands["state"] == "accepted")
        settled = await matching.facts("request.accepted", "request.declined", "request.withdrawn")
        assert len([data for _, data in settled if data["request"] == request]) == 1


async def test_who_asks_while_the_last_seat_is_taken_is_told_one_way_or_the_other(
    matching: Matching, another: Matching
) -> None:
    for round_ in range(6):
        few = [mentee(f"m{round_}-{number}") for number in range(6)]
        wanted = f"mentor-{round_}"
        await _join(matching, mentor(wanted, capacity=1), mentee(f"first-{round_}"), *few)
        first = await matching.asks(f"first-{round_}", wanted)
        answers = await asyncio.gather(
            *(another.ask(one.member, wanted) for one in few[:3]),
            matching.post(f"/requests/{first}/accept", wanted),
            *(another.ask(one.member, wanted) for one in few[3:]),
        )
        assert {one.status_code for one in answers} <= {200, 201, 409}
        assert (await _seats(matching))[wanted] == 1
    assert await matching.database["requests"].count_documents({"state": "pending"}) == 0


async def test_a_mentor_who_leaves_while_they_accept_keeps_no_seat(matching: Matching, another: Matching) -> None:
    agenda = Due(RequestStore(another.database, SystemClock()), SystemClock())

    async def leave(leaver: str) -> None:
        await matching.say(mentor(leaver, status="inactive"))
        await agenda.work()

    for round_ in range(12):
        leaver, asker = mentor(f"leaver-{round_}"), mentee(f"asker-{round_}")
        await _join(matching, leaver, asker)
        request = await matching.asks(asker.member, leaver.member)
        await asyncio.gather(matching.post(f"/requests/{request}/accept", leaver.member), leave(leaver.member))
    await eventually(lambda: _nobody_leaves(matching))
    assert await _seats(matching) == {}
    assert await matching.database["requests"].count_documents({"state": "pending"}) == 0
    assert set(await matching.database["relationships"].distinct("state")) <= {"on_hold"}


async def test_the_write_itself_refuses_a_seat_that_is_gone(matching: Matching) -> None:
    """Whatever was decided: twenty stores, each of which believes that there is one."""
    crowd = [mentee(f"m{number}") for number in range(20)]
    await _join(matching, *crowd)

    async def take(who: str) -> None:
        pair = Pair(
            programme=CARE,
            mentee=Party(member=who, institution=NORTH),
            mentor=Party(member="mara", institution=NORTH),
        )
        begun = begin(pair, id=f"with-{who}", request=None, now=datetime(2027, 1, 4, tzinfo=UTC))
        await RequestStore(matching.database, SystemClock()).decide(
            CARE,
            mentee=who,
            mentor="mara",
            decide=lambda _: [begun],
            with_rivals=False,
            trace=Trace(correlation_id="test"),
        )

    told = await asyncio.gather(*(take(one.member) for one in crowd), return_exceptions=True)
    assert Counter(type(one) for one in told) == {type(None): 1, StaleVersion: 19}
    assert await _seats(matching) == {"mara": 1}
    assert await matching.database["relationships"].count_documents({}) == 1


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_people_do_at_once_seats_and_relationships_and_facts_agree(
    matching: Matching, another: Matching, seed: int
) -> None:
    dice = random.Random(seed)
    mentors = [mentor(f"m{number}", capacity=dice.choice([1, 2])) for number in range(4)]
    mentees = [mentee(f"e{number}") for number in range(8)]
    await _join(matching, *mentors, *mentees)
    for _ in range(12):
        both = (matching, another)
        answers = await asyncio.gather(*(_something(both[number % 2], dice, mentors, mentees) for number in range(8)))
        assert {one.status_code for one in answers if one is not None} <= {200, 201, 404, 409}
    await eventually(lambda: _nobody_leaves(matching))
    await _assert_agreement(matching, {one.member: one.capacity for one in mentors})


async def _something(matching: Matching, dice: random.Random, mentors: list[Any], mentees: list[Any]) -> Any:
    what, who, whom = dice.random(), dice.choice(mentees), dice.choice(mentors)
    if what < 0.4:
        return await matching.ask(who.member, whom.member)
    if what < 0.5:
        status = dice.choice(["active", "inactive"])
        await matching.say(who.model_copy(update={"status": status}))
        return None
    if what < 0.8:
        pending = await matching.database["requests"].find({"state": "pending"}).to_list(None)
        if not pending:
            return None
        one, verb = dice.choice(pending), dice.choice(["accept", "accept", "decline", "withdraw"])
        actor = one["mentee" if verb == "withdraw" else "mentor"]["member"]
        return await matching.post(f"/requests/{one['_id']}/{verb}", actor)
    stand = await matching.database["relationships"].find().to_list(None)
    if not stand:
        return None
    one, verb = dice.choice(stand), dice.choice(["pause", "resume", "close"])
    return await matching.post(f"/relationships/{one['_id']}/{verb}", one[dice.choice(["mentee", "mentor"])]["member"])


async def _assert_agreement(matching: Matching, capacity: dict[str, int]) -> None:
    stand = await matching.database["relationships"].find().to_list(None)
    seated = Counter(one["mentor"]["member"] for one in stand if one["state"] in ("active", "paused"))
    assert await _seats(matching) == dict(seated)
    assert all(taken <= capacity[member] for member, taken in seated.items())
    open_pairs = [(one["mentee"]["member"], one["mentor"]["member"]) for one in stand if one["state"] != "closed"]
    assert len(open_pairs) == len(set(open_pairs))
    told: dict[str, str] = {}
    for name, data in sorted(await matching.facts(), key=lambda fact: fact[0] != "request.made"):
        if name.startswith("request"):
            told[data["request"]] = name.removeprefix("request.")
    made = await matching.database["requests"].find().to_list(None)
    assert {one["_id"]: one["state"] for one in made} == {
        id: "pending" if state == "made" else state for id, state in told.items()
    }
    counted = Counter(one["mentee"]["member"] for one in made if one["state"] == "pending")
    assert not counted or max(counted.values()) <= 5
