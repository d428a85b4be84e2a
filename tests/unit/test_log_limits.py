"""Floods of warnings are counted, one line says each request, and neither loses or reveals what it must not."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import structlog
from fastapi import APIRouter

from shared.clock import SystemClock
from shared.http import create_app
from shared.log_limits import BURST, WINDOW_SECONDS, LimitedHandler
from shared.telemetry import Metrics, configure_logs


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged, as a service writes it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logs("test")
    [handler] = root.handlers
    assert isinstance(handler, LimitedHandler)
    handler.setStream(written := io.StringIO())
    yield written
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def say(text: str, *values: object, at: float, level: int = logging.WARNING) -> None:
    record = logging.LogRecord("aiokafka", level, __file__, 1, text, values, None)
    record.created = at
    logging.getLogger().handle(record)


def test_a_flood_becomes_a_few_lines_and_a_count(log: io.StringIO) -> None:
    """6,000 lines were written in an outage of 29 s."""
    for n in range(6000):
        say("Unable to connect to node %s", n, at=n * 29 / 6000)
    say("recovered", at=WINDOW_SECONDS + 1, level=logging.INFO)
    logged = lines(log)
    assert len(logged) == BURST + 2
    assert sum(line.get("left_out", 1) for line in logged[:-1]) == 6000
    assert logged[-1]["message"] == "recovered"


def test_lines_that_differ_in_text_or_level_are_counted_apart(log: io.StringIO) -> None:
    for n in range(3 * BURST):
        say(f"kind {n % 3}", at=0)
    assert len(lines(log)) == 3 * BURST


def test_lines_below_warning_are_never_left_out(log: io.StringIO) -> None:
    for _ in range(100):
        say("request", at=0, level=logging.INFO)
    assert len(lines(log)) == 100


def test_the_count_of_a_flood_that_is_not_over_is_written_at_the_end(log: io.StringIO) -> None:
    for _ in range(BURST + 7):
        structlog.stdlib.get_logger("relay").warning("fact not published", fault="KafkaTimeoutError", fact="x")
    logging.getLogger().handlers[0].close()
    assert lines(log)[-1]["left_out"] == 7


async def _well() -> dict[str, str]:
    return {}


async def test_each_request_is_one_line_with_its_route_and_nothing_of_a_person(log: io.StringIO) -> None:
    routes = APIRouter()

    @routes.get("/members/{id}")
    async def see(id: str) -> dict[str, str]:
        return {"id": id}

    nothing: Any = {"idempotency": None}
    app = create_app(
        "test",
        "",
        routers=[routes],
        database=nothing,
        authenticator=nothing,
        clock=SystemClock(),
        metrics=Metrics(),
        ready=_well,
        stalled=dict,
        backlog=nothing,
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        answer = await client.get("/members/grace@example.org", headers={"x-correlation-id": "c-1"})
        await client.get("/health/live")
    assert answer.status_code == 200
    [line] = [line for line in lines(log) if line["logger"] == "shared.http.app"]
    assert line["milliseconds"] >= 0
    logged = {name: line[name] for name in ("message", "level", "method", "route", "status", "correlation_id")}
    assert logged == {
        "message": "request",
        "level": "info",
        "method": "GET",
        "route": "/members/{id}",
        "status": 200,
        "correlation_id": "c-1",
    }
    assert "grace" not in log.getvalue()
