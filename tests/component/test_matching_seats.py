"""However many ask, accept and leave at once, in however many processes: seats, requests and relationships agree."""

import asyncio
import random
import threading
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from deploy.issuer import LocalIssuer
from services.matching.feedback.documents import forget
from services.matching.kernel.pairs import Pair, Party
from services.matching.mentoring.domain import requests as domain
from services.matching.mentoring.domain.relationships import begin
from services.matching.mentoring.domain.requests import Situation
from services.matching.mentoring.repository.due import MongoDueRepository
from services.matching.mentoring.repository.pairs import APART, due
from services.matching.mentoring.repository.requests import MongoMentoringRepository
from services.matching.mentoring.usecases.parties import AnyDecided
from services.matching.mentoring.worker import DueWorker
from shared.clock import SystemClock
from shared.contracts.envelope import Trace
from shared.errors import NotFound, StaleVersion
from tests.component.matching_kit import (
    CARE,
    NORTH,
    Matching,
    asking,
    mentee,
    mentor,
    running,
)
from tests.eventually import eventually


@pytest.fixture
async def matching(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    async with asking(mongo_uri, kafka_bootstrap, issuer) as matching:
        yield matching


@pytest.fixture
async def another(matching: Matching, mongo_uri: str, kafka_bootstrap: str) -> AsyncIterator[Matching]:
    """A second process on the same database: the crowd in one process waits in line before a mentor."""
    database = matching.database.name
    async with running(mongo_uri, kafka_bootstrap, matching.issuer, work=(), database=database) as another:
        yield another


async def test_exactly_one_of_two_hundred_acceptances_gets_the_last_seat(matching: Matching) -> None:
    crowd = [mentee(f"m{number}") for number in range(200)]
    await matching.join(*crowd)
    requests = [await matching.request_mentor(person.member, "mara") for person in crowd]

    answers = await asyncio.gather(*(matching.post(f"/requests/{request}/accept", "mara") for request in requests))

    outcomes = Counter((answer.status_code, answer.json().get("type", "")) for answer in answers)
    assert outcomes == {(200, ""): 1, (409, "urn:preceptor:problem:no_seat_left"): 199}
    assert await matching.seats() == {"mara": 1}
    assert await matching.database["relationships"].count_documents({}) == 1
    withdrawn = await matching.facts("request.withdrawn")
    assert {data["reason"] for _, data in withdrawn} == {"not_available"}
    assert len({data["recipients"][0]["member"] for _, data in withdrawn}) == len(withdrawn) == 199
    assert await matching.database["requests"].count_documents({"state": "pending"}) == 0


async def test_two_processes_never_give_the_same_seat(matching: Matching, another: Matching) -> None:
    crowd = [mentee(f"m{number}") for number in range(40)]
    await matching.join(mentor("mara", capacity=3), *crowd)
    requests = [await matching.request_mentor(person.member, "mara") for person in crowd]
    each = [(matching, another)[number % 2] for number in range(40)]
    answers = await asyncio.gather(
        *(process.post(f"/requests/{request}/accept", "mara") for process, request in zip(each, requests, strict=True))
    )
    assert Counter(answer.status_code for answer in answers) == {200: 3, 409: 37}
    assert await matching.seats() == {"mara": 3}
    assert await matching.database["relationships"].count_documents({}) == 3


async def test_only_one_of_two_mentors_accepting_concurrently_gets_the_mentee(matching: Matching) -> None:
    first, second = await matching.request_mentor("ana", "mara"), await matching.request_mentor("ana", "milo")
    answers = await asyncio.gather(
        matching.post(f"/requests/{first}/accept", "mara"), matching.post(f"/requests/{second}/accept", "milo")
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert sum((await matching.seats()).values()) == 1


async def test_at_most_five_requests_are_pending_however_many_are_sent(matching: Matching, another: Matching) -> None:
    await matching.join(*(mentor(f"mentor-{number}") for number in range(12)))
    sent = await asyncio.gather(
        *((matching, another)[number % 2].send_request("ana", f"mentor-{number}") for number in range(12))
    )
    outcomes = Counter((answer.status_code, answer.json().get("type", "")) for answer in sent)
    assert outcomes == {(201, ""): 5, (409, "urn:preceptor:problem:too_many_pending"): 7}


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
async def test_no_query_of_requests_scans_the_collection(matching: Matching, wanted: dict[str, Any]) -> None:
    plan = await matching.database.command("explain", {"find": "requests", "filter": wanted})
    assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])


async def test_concurrent_answers_and_withdrawals_settle_a_request_once(matching: Matching) -> None:
    for round_ in range(5):
        await matching.join(mentor(f"m{round_}", capacity=1))
        request = await matching.request_mentor("ana", f"m{round_}")
        answers = await asyncio.gather(
            matching.post(f"/requests/{request}/accept", f"m{round_}"),
            matching.post(f"/requests/{request}/decline", f"m{round_}", reason="no_time"),
            matching.post(f"/requests/{request}/withdraw", "ana"),
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
        current = (await matching.get(f"/requests/{request}", "ana", NORTH)).json()
        assert (await matching.seats()).get(f"m{round_}", 0) == (current["state"] == "accepted")
        settled = await matching.facts("request.accepted", "request.declined", "request.withdrawn")
        assert len([data for _, data in settled if data["request"] == request]) == 1


async def test_a_request_racing_for_the_last_seat_is_answered_consistently(
    matching: Matching, another: Matching
) -> None:
    for round_ in range(6):
        few = [mentee(f"m{round_}-{number}") for number in range(6)]
        wanted = f"mentor-{round_}"
        await matching.join(mentor(wanted, capacity=1), mentee(f"first-{round_}"), *few)
        first = await matching.request_mentor(f"first-{round_}", wanted)
        answers = await asyncio.gather(
            *(another.send_request(person.member, wanted) for person in few[:3]),
            matching.post(f"/requests/{first}/accept", wanted),
            *(another.send_request(person.member, wanted) for person in few[3:]),
        )
        assert {answer.status_code for answer in answers} <= {200, 201, 409}
        assert (await matching.seats())[wanted] == 1
    assert await matching.database["requests"].count_documents({"state": "pending"}) == 0


@pytest.mark.parametrize("left", [{"status": "inactive"}, {"enrolments": ()}])
async def test_a_mentor_leaving_amid_requests_and_acceptances_keeps_no_request(
    matching: Matching, another: Matching, left: dict[str, Any]
) -> None:
    """A mentor who becomes inactive keeps no seat either; leaving a programme ends no mentoring."""
    worker = DueWorker(MongoDueRepository(another.database, SystemClock(), forget=[forget]), SystemClock())

    async def leave(leaver: str) -> None:
        await matching.receive(mentor(leaver, **left))
        await worker.work()

    for round_ in range(6):
        leaver, askers = f"leaver-{round_}", [f"asker-{round_}-{number}" for number in range(9)]
        await matching.join(mentor(leaver), *(mentee(asker) for asker in askers))
        request = await matching.request_mentor(askers[0], leaver)
        await asyncio.gather(
            matching.post(f"/requests/{request}/accept", leaver),
            *(another.send_request(asker, leaver) for asker in askers[1:5]),
            leave(leaver),
            *(matching.send_request(asker, leaver) for asker in askers[5:]),
        )
    await eventually(matching.departures_are_handled)
    assert await matching.database["requests"].count_documents({"state": "pending"}) == 0
    is_gone = "status" in left
    assert set(await matching.database["relationships"].distinct("state")) <= {"on_hold" if is_gone else "active"}
    begun = 0 if is_gone else await matching.database["relationships"].count_documents({})
    assert sum((await matching.seats()).values()) == begun


@pytest.mark.parametrize("left", [{"status": "inactive"}, {"enrolments": ()}])
async def test_a_request_racing_with_the_mentors_departure_is_not_left_pending(
    matching: Matching, left: dict[str, Any]
) -> None:
    """The asker has seen a mentor who is there; what the leaver left is worked off before the request is written."""
    seen, is_worked_off = threading.Event(), threading.Event()

    def decide(situation: Situation) -> Sequence[AnyDecided]:
        seen.set()
        assert is_worked_off.wait(20)
        now = SystemClock().now()
        return [domain.request("late", programme=CARE, mentor="milo", message="", situation=situation, now=now)]

    asking = asyncio.create_task(
        MongoMentoringRepository(matching.database, SystemClock()).decide(
            CARE,
            mentee="ana",
            mentor="milo",
            decide=decide,
            read_competing_requests=False,
            exchange=None,
            trace=Trace(correlation_id="test"),
        )
    )
    assert await asyncio.to_thread(seen.wait, 20)
    await matching.receive(mentor("milo", **left))
    await eventually(matching.departures_are_handled)
    is_worked_off.set()

    with pytest.raises(NotFound):
        await asking
    assert await matching.database["requests"].count_documents({}) == 0


async def test_the_conditional_write_refuses_a_taken_seat(matching: Matching) -> None:
    """Whatever was decided: twenty stores, each of which believes that there is one."""
    crowd = [mentee(f"m{number}") for number in range(20)]
    await matching.join(*crowd)

    async def take(who: str) -> None:
        pair = Pair(
            programme=CARE,
            mentee=Party(member=who, institution=NORTH),
            mentor=Party(member="mara", institution=NORTH),
        )
        begun = begin(pair, id=f"with-{who}", request=None, now=datetime(2027, 1, 4, tzinfo=UTC))
        await MongoMentoringRepository(matching.database, SystemClock()).decide(
            CARE,
            mentee=who,
            mentor="mara",
            decide=lambda _: [begun],
            read_competing_requests=False,
            exchange=None,
            trace=Trace(correlation_id="test"),
        )

    results = await asyncio.gather(*(take(person.member) for person in crowd), return_exceptions=True)
    assert Counter(type(result) for result in results) == {type(None): 1, StaleVersion: 19}
    assert await matching.seats() == {"mara": 1}
    assert await matching.database["relationships"].count_documents({}) == 1


@pytest.mark.parametrize("seed", range(3))
async def test_seats_relationships_and_facts_agree_after_any_concurrent_actions(
    matching: Matching, another: Matching, seed: int
) -> None:
    dice = random.Random(seed)
    mentors = [mentor(f"m{number}", capacity=dice.choice([1, 2])) for number in range(4)]
    mentees = [mentee(f"e{number}") for number in range(8)]
    await matching.join(*mentors, *mentees)
    for _ in range(12):
        both = (matching, another)
        answers = await asyncio.gather(*(_something(both[number % 2], dice, mentors, mentees) for number in range(8)))
        assert {answer.status_code for answer in answers if answer is not None} <= {200, 201, 404, 409}
    await eventually(matching.departures_are_handled)
    await _assert_agreement(matching, {mentor.member: mentor.capacity for mentor in mentors})


async def _something(matching: Matching, dice: random.Random, mentors: list[Any], mentees: list[Any]) -> Any:
    what, who, whom = dice.random(), dice.choice(mentees), dice.choice(mentors)
    if what < 0.4:
        return await matching.send_request(who.member, whom.member)
    if what < 0.5:
        status = dice.choice(["active", "inactive"])
        await matching.receive(who.model_copy(update={"status": status}))
        return None
    if what < 0.8:
        pending = await matching.database["requests"].find({"state": "pending"}).to_list(None)
        if not pending:
            return None
        request, verb = dice.choice(pending), dice.choice(["accept", "accept", "decline", "withdraw"])
        actor = request["mentee" if verb == "withdraw" else "mentor"]["member"]
        return await matching.post(f"/requests/{request['_id']}/{verb}", actor)
    relationships = await matching.database["relationships"].find().to_list(None)
    if not relationships:
        return None
    request, verb = dice.choice(relationships), dice.choice(["pause", "resume", "close"])
    return await matching.post(
        f"/relationships/{request['_id']}/{verb}", request[dice.choice(["mentee", "mentor"])]["member"]
    )


async def _assert_agreement(matching: Matching, capacity: dict[str, int]) -> None:
    relationships = await matching.database["relationships"].find().to_list(None)
    seated = Counter(
        relationship["mentor"]["member"]
        for relationship in relationships
        if relationship["state"] in ("active", "paused")
    )
    assert await matching.seats() == dict(seated)
    assert all(taken <= capacity[member] for member, taken in seated.items())
    open_pairs = [
        (relationship["mentee"]["member"], relationship["mentor"]["member"])
        for relationship in relationships
        if relationship["state"] != "closed"
    ]
    assert len(open_pairs) == len(set(open_pairs))
    published: dict[str, str] = {}
    for name, data in sorted(await matching.facts(), key=lambda fact: fact[0] != "request.made"):
        if name.startswith("request"):
            published[data["request"]] = name.removeprefix("request.")
    made = await matching.database["requests"].find().to_list(None)
    assert {request["_id"]: request["state"] for request in made} == {
        id: "pending" if state == "made" else state for id, state in published.items()
    }
    counted = Counter(request["mentee"]["member"] for request in made if request["state"] == "pending")
    assert not counted or max(counted.values()) <= 5


async def test_a_mentor_with_very_many_requests_departs_in_batches(matching: Matching) -> None:
    await matching.request_mentor("ana", "mara")
    [document] = await matching.database["requests"].find().to_list(None)
    crowd = [
        {**document, "_id": f"r{number}", "mentee": {"member": f"m{number}", "institution": NORTH}}
        for number in range(250)
    ]
    await matching.database["requests"].insert_many(crowd)
    await matching.receive(mentor("mara", status="inactive"))
    await eventually(matching.departures_are_handled, within=20)
    assert await matching.database["requests"].count_documents({"state": "pending"}) == 0
    assert len(await matching.facts("request.withdrawn")) == 251


async def test_concurrent_commands_on_a_pair_without_a_version_are_never_stale(
    matching: Matching, another: Matching
) -> None:
    request = await matching.request_mentor("ana", "milo")
    relationship = (await matching.answer_request("milo", request, "accept"))["relationship"]
    calls = [
        (process, f"/relationships/{relationship}/{verb}", who)
        for process in (matching, another)
        for verb in ("pause", "resume")
        for who in ("ana", "milo")
    ] * 5
    answers = await asyncio.gather(*(process.post(path, who) for process, path, who in calls))
    assert {answer.status_code for answer in answers} <= {200, 409}, [answer.text for answer in answers]
    assert await matching.seats() == {"milo": 1}
