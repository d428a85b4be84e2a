"""Verdicts on a large file of rotations are worked out in threads: the event loop does no work for each row.

Counts the Python functions that the loop's own thread enters between two turns of the loop, so a slow machine changes
nothing.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType

import pytest

from deploy.issuer import LocalIssuer
from shared.clock import SystemClock
from tests.component import matching_kit
from tests.component.matching_kit import NORTH, Matching

FEW, MANY = 500, 4_500


@pytest.fixture
async def matching(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Matching]:
    async with matching_kit.asking(mongo_uri, kafka_bootstrap, issuer, work=()) as matching:
        yield matching


@asynccontextmanager
async def longest_turn() -> AsyncIterator[list[int]]:
    """Calls in each turn of the loop."""
    turns, calls = [0], 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    async def turn() -> None:
        nonlocal calls
        while True:
            await asyncio.sleep(0)
            turns[0], calls = max(turns[0], calls), 0

    ticking = asyncio.create_task(turn())
    sys.setprofile(count)
    try:
        yield turns
    finally:
        sys.setprofile(None)
        ticking.cancel()


@pytest.mark.parametrize("kind", ["members by id", "an address that nobody has"])
async def test_the_loop_does_no_work_for_each_row_of_a_file(matching: Matching, kind: str) -> None:
    await upload(matching, kind, rows=FEW)  # what is imported and made at the first upload
    for _ in range(2):  # the second time each row is compared with what is stored
        few, many = [await upload(matching, kind, rows=rows) for rows in (FEW, MANY)]
        assert many - few < MANY - FEW, f"calls in one turn of the loop: {few} for {FEW} rows, {many} for {MANY}"


async def upload(matching: Matching, kind: str, *, rows: int) -> int:
    """The calls in the longest turn of the loop."""
    is_by_id = kind == "members by id"
    names, assessor = (b"assessor", b"milo") if is_by_id else (b"assessor_email", b"nobody@example.org")
    header = b"id," + names + b",assessed,from,to\n"
    content = header + b"".join(b"r%d,%s,ben,2027-01-04,2027-02-26\n" % (n, assessor) for n in range(rows))
    token = matching.issuer.token("hr", institution=NORTH, roles=["integrator"])
    headers = {"authorization": f"Bearer {token}", "idempotency-key": SystemClock().new_id()}
    async with longest_turn() as turns:
        files = {"file": ("r.csv", content, "text/csv")}
        answer = await matching.client.post("/rotations/upload", headers=headers, files=files)
    assert answer.status_code == 200, answer.text[:500]
    assert len(answer.json()["rows"]) == rows
    return turns[0]
