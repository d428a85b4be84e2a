"""Fail-points: points in the code at which a process kills itself, so that tests can prove that a kill loses nothing.

PRECEPTOR_FAILPOINT=`<service>.<work>.<point>:<n>`, several separated by commas, kills the process with SIGKILL when it
reaches the point for the n-th time; the suffix `:stop` sends SIGSTOP instead. Refused outside of development.
"""

import os
import re
import signal
from collections.abc import Collection
from contextvars import ContextVar
from dataclasses import dataclass

VARIABLE = "PRECEPTOR_FAILPOINT"
POINTS = (
    "after-commit",  # a transaction is committed, its caller does not know yet
    "after-publish",  # Kafka has acknowledged a record, its outbox row is still pending
    "before-mark",  # a batch is published, none of its outbox rows is marked as sent
    "after-effect",  # a reaction has written and not committed; a projection has written
    "before-offset-commit",  # a batch is handled, its offsets are not committed
    "after-send",  # the mail server has taken a mail, which is not recorded yet
    "before-answer",  # a solver process has read its job and has not answered
    "before-save",  # a result exists (a round's files, a list), no document refers to it yet
    "lease-expired",  # an expired lease of another process is taken, no work is done under it yet
)
_SYNTAX = re.compile(
    rf"(?P<service>[a-z]+)\.(?P<point>[a-z]+\.({'|'.join(POINTS)})):(?P<arrival>[1-9][0-9]*)(?P<stop>:stop)?"
)


@dataclass(slots=True)
class _Armed:
    point: str
    left: int
    to_send: signal.Signals

    def arrive(self, point: str) -> None:
        self.left -= point == self.point
        if self.left == 0:
            self.left = -1  # a process that is resumed after SIGSTOP is not stopped again
            os.kill(os.getpid(), self.to_send)


_ARMED: list[_Armed] = []
_WORK: ContextVar[str] = ContextVar("work", default="api")


def arm(service: str, setting: str, *, environment: str) -> None:
    """Arms the fail-points of this service. Exits where the setting is malformed or the environment is production."""
    _ARMED.clear()
    for failpoint in filter(None, setting.split(",")):
        if environment != "development":
            raise SystemExit(f"{VARIABLE} is for development: nothing kills itself in {environment}")
        found = _SYNTAX.fullmatch(failpoint)
        if found is None:
            raise SystemExit(f"{VARIABLE}: must be <service>.<work>.<point>:<n>, the point one of {', '.join(POINTS)}")
        if found["service"] == service:
            to_send = signal.SIGSTOP if found["stop"] else signal.SIGKILL
            _ARMED.append(_Armed(found["point"], int(found["arrival"]), to_send))


def require_work(names: Collection[str]) -> None:
    """Exits where an armed fail-point names work that this process does not do: nothing would ever be killed."""
    for armed in _ARMED:
        work = armed.point.partition(".")[0]
        if work not in {_WORK.get(), *names}:
            known = ", ".join(sorted({_WORK.get(), *names}))
            raise SystemExit(f"{VARIABLE}: this process does no work named {work}: choose from {known}")


def enter(work: str) -> None:
    """Names the work of this task and of the tasks that it starts; without a name the work is `api`."""
    _WORK.set(work)


def reach(point: str) -> None:
    if _ARMED:
        _arrive(point)


def _arrive(point: str) -> None:
    for armed in _ARMED:
        armed.arrive(f"{_WORK.get()}.{point}")
