"""Pending requests that a private rule makes impossible, over the real stack: all withdrawn alike."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from deploy.issuer import LocalIssuer
from shared.contracts.profiles import ExchangeTerms, InstitutionChanged
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

Change = Callable[[Matching], Awaitable[Any]]


def north(**terms: Any) -> InstitutionChanged:
    return institution(NORTH, exchanges_with=(SOUTH,), exchange_terms=(ExchangeTerms(partner=SOUTH, **terms),))


def mara(**fields: Any) -> Any:
    return mentor("mara", **{"across_institutions": True, **fields})


async def _reach_the_ceiling(matching: Matching) -> None:
    """By another mentor and another mentee of the same two institutions."""
    await matching.receive(north(ceiling=1))
    given = await _request_mentor(matching, "sam", "milo")
    await matching.answer_request("milo", given, "accept")


PRIVATE: dict[str, Change] = {
    "paused": lambda matching: matching.receive(mara(paused=True)),
    "never_list": lambda matching: matching.receive(signed_in(mara(), never=("sue",))),
    "opt_in_ended": lambda matching: matching.receive(mara(across_institutions=False)),
    "no_capacity": lambda matching: matching.receive(mara(capacity=0)),
    "no_hours": lambda matching: matching.receive(mara(hours_per_month=0)),
    "ceiling_lowered": lambda matching: matching.receive(north(ceiling=0)),
    "ceiling_reached": _reach_the_ceiling,
    "left": lambda matching: matching.receive(mara(status="inactive")),
}


@pytest.fixture
async def matching(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    """Two mentors in one institution, two mentees in another."""
    async with running(mongo_uri, kafka_bootstrap, issuer, work=("due",)) as matching:
        await matching.receive(north(), institution(SOUTH, exchanges_with=(NORTH,)), programme())
        await matching.join(mara(), mentor("milo", across_institutions=True))
        await matching.join(*(mentee(who, SOUTH, across_institutions=True) for who in ("sue", "sam")))
        yield matching


@pytest.fixture
async def worker(matching: Matching, mongo_uri: str, kafka_bootstrap: str) -> AsyncIterator[Matching]:
    async with _worker(matching, mongo_uri, kafka_bootstrap) as worker:
        yield worker


def _worker(matching: Matching, mongo_uri: str, kafka_bootstrap: str) -> Any:
    return running(mongo_uri, kafka_bootstrap, matching.issuer, work=("lists",), database=matching.database.name)


async def _request_mentor(matching: Matching, who: str, whom: str) -> str:
    body = {"programme": CARE, "mentor": whom, "message": ""}
    answer = await matching.post(f"/mentees/{who}/requests", who, SOUTH, **body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def _withdrawn(matching: Matching, request: str) -> bool:
    return await matching.database["requests"].count_documents({"_id": request, "state": "withdrawn"}) == 1


async def _sees_the_common_code(matching: Matching, request: str) -> None:
    """What the mentee reads of the request and hears about it, but for its id and its times."""
    await eventually(lambda: _withdrawn(matching, request), message="the request is withdrawn")
    seen = await matching.get(f"/requests/{request}", "sue", SOUTH)
    known = {"id", "asked_at", "settled_at"}
    assert {name: value for name, value in seen.json().items() if name not in known} == {
        "programme": CARE,
        "mentee": {"member": "sue", "institution": SOUTH},
        "mentor": {"member": "mara", "institution": NORTH},
        "state": "withdrawn",
        "reason": "not_available",
        "message": "",
        "repeat": False,
        "named": False,
    }
    assert seen.headers["etag"] == '"2"'
    [fact] = [data for _, data in await matching.facts("request.withdrawn") if data["request"] == request]
    sue = {"member": "sue", "institution": SOUTH}
    assert (fact["reason"], fact["recipients"], fact["mentee"]) == ("not_available", [sue], sue)


@pytest.mark.parametrize("rule", PRIVATE)
@pytest.mark.usefixtures("worker")
async def test_the_mentee_sees_the_same_code_whichever_private_rule_ends_a_request(
    matching: Matching, rule: str
) -> None:
    request = await _request_mentor(matching, "sue", "mara")
    await PRIVATE[rule](matching)
    await _sees_the_common_code(matching, request)


async def test_a_change_missed_by_every_worker_is_handled_at_the_next_start(
    matching: Matching, mongo_uri: str, kafka_bootstrap: str
) -> None:
    request = await _request_mentor(matching, "sue", "mara")
    await PRIVATE["paused"](matching)
    assert not await _withdrawn(matching, request)
    async with _worker(matching, mongo_uri, kafka_bootstrap):
        await _sees_the_common_code(matching, request)


@pytest.mark.usefixtures("worker")
async def test_adding_a_mentor_to_the_never_list_withdraws_the_request(
    matching: Matching,
) -> None:
    request = await _request_mentor(matching, "sue", "mara")
    await matching.receive(signed_in(mentee("sue", SOUTH), never=("mara",)))
    await eventually(lambda: _withdrawn(matching, request), message="the request is withdrawn")
    [(_, fact)] = await matching.facts("request.withdrawn")
    assert (fact["reason"], [recipient["member"] for recipient in fact["recipients"]]) == ("by_mentee", ["mara"])
