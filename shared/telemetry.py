"""JSON logs that carry the correlation id and no personal data, and the metrics every service exports."""

import logging
import traceback
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shared.contracts.envelope import Trace
from shared.log_limits import LimitedHandler, say_left_out

Logger = structlog.stdlib.BoundLogger


class Metrics:
    """One registry per process, built in `app.py`. Labels are names from the code: no institution, member or key."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.records = Counter(
            "preceptor_records",
            "Records consumed, by outcome",
            ["consumer", "result"],
            registry=self.registry,
        )
        self.parked = Gauge(
            "preceptor_parked_records",
            "Parked records that wait for a retry or for an operator",
            ["consumer", "reason"],
            registry=self.registry,
        )
        self.progress = Gauge(
            "preceptor_consumer_progress_seconds",
            "Unix time of a consumer's last progress",
            ["consumer"],
            registry=self.registry,
        )
        self.lag = Gauge(
            "preceptor_consumer_lag_records",
            "Records that wait for a consumer in its partitions",
            ["consumer"],
            registry=self.registry,
        )
        self.published = Counter("preceptor_facts_published", "Outbox rows published", registry=self.registry)
        self.publish_failures = Counter(
            "preceptor_publish_failures", "Outbox rows that could not be published", registry=self.registry
        )
        self.held = Gauge(
            "preceptor_outbox_held_facts",
            "Outbox rows that Kafka refuses, and later rows of their keys",
            registry=self.registry,
        )
        self.pending_age = Gauge(
            "preceptor_outbox_pending_age_seconds", "Age of the oldest fact not yet published", registry=self.registry
        )
        self.relay_leads = Gauge(
            "preceptor_relay_leads",
            "1 in the process that publishes the service's facts, else 0",
            registry=self.registry,
        )
        self.refused_sign_ins = Counter(
            "preceptor_refused_sign_ins",
            "Requests whose token was missing, refused, or could not be checked",
            ["reason"],
            registry=self.registry,
        )
        self.requests = Histogram(
            "preceptor_http_request_seconds", "HTTP requests", ["method", "route", "status"], registry=self.registry
        )


def configure_logs(service: str, *, level: str = "INFO") -> None:
    """Sends all logs, those of libraries too, to standard error as JSON lines, rate limited (`log_limits`)."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.ExceptionRenderer(_frames),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = LimitedHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                say_left_out,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.EventRenamer("message"),
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for chatty in ("aiokafka", "pymongo", "uvicorn.access", "faststream", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service)


def _frames(exc_info: Any) -> str:
    """Types, codes and frames, causes first. No messages: a duplicate key error may quote an e-mail address."""
    return "\n".join(_described(exc_info[1]))


def _described(fault: BaseException) -> Iterator[str]:
    earlier = fault.__cause__ or (None if fault.__suppress_context__ else fault.__context__)
    if earlier is not None:
        yield from _described(earlier)
        yield "which led to"
    code = getattr(fault, "code", None)
    yield type(fault).__qualname__ + (f" {code}" if isinstance(code, int | str) else "")
    yield "".join(traceback.format_tb(fault.__traceback__)).rstrip()
    for part in fault.exceptions if isinstance(fault, BaseExceptionGroup) else ():
        yield "in which"
        yield from _described(part)


def logger(name: str) -> Logger:
    log: Logger = structlog.stdlib.get_logger(name)
    return log


_TRACE: ContextVar[Trace] = ContextVar("trace")


def follow(trace: Trace) -> None:
    """Sets the trace of this task: its logs carry the correlation id, and `current_trace` returns it."""
    _TRACE.set(trace)
    structlog.contextvars.bind_contextvars(correlation_id=trace.correlation_id)


def current_trace(fresh_id: str) -> Trace:
    return _TRACE.get(Trace(correlation_id=fresh_id))
