"""Files and long bodies are read in another thread than the one that answers all requests."""

import io
import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from services.profiles.rosters import usecases as rosters
from services.profiles.rosters.domain.fields import ROSTER
from services.profiles.rosters.domain.reading import open_roster
from shared import offloop
from shared.errors import Rejected
from shared.http.requests import BoundedRequest, refuse_coerced_values
from shared.spreadsheets.mapping import parse

SECTION = parse(b"sections: {people: {fields: {name: {column: name}, email: {column: mail}}}}", "people", ROSTER)


class Body(BaseModel):
    words: list[str]


async def test_a_rosters_lines_are_read_in_another_thread() -> None:
    threads: set[int] = set()

    class Noted(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            threads.add(threading.get_ident())
            return super().read(size)

    file = Noted(b"name,mail\nAda,ada@x.org\n")
    opened = await offloop.off_loop(open_roster, file, SECTION)
    [row] = await offloop.off_loop(rosters._next_rows, opened.rows)
    assert row.profile is not None
    assert threads
    assert threading.get_ident() not in threads


@pytest.mark.parametrize(("words", "times"), [(1, 0), (20_000, 2)])
async def test_a_long_body_is_read_and_checked_in_another_thread(
    words: int, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps({"words": ["word"] * words}).encode()
    seen: list[object] = []

    async def off_loop(work: Any, *arguments: Any) -> Any:
        seen.append(work)
        return await offloop.off_loop(work, *arguments)

    monkeypatch.setattr("shared.http.requests.off_loop", off_loop)
    await refuse_coerced_values(_request(body), TypeAdapter(Body))
    assert len(seen) == times


async def test_reading_that_does_not_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offloop, "SECONDS", timedelta(milliseconds=1).total_seconds())
    ends = threading.Event()
    try:
        with pytest.raises(Rejected, match="send it in smaller parts"):
            await offloop.off_loop(ends.wait)
    finally:
        ends.set()


def _request(body: bytes) -> BoundedRequest:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return BoundedRequest({"type": "http", "method": "POST", "headers": []}, receive)
