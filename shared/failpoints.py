"""Named places at which a process kills itself at its n-th arrival, so that tests can prove that it may.

PRECEPTOR_FAILPOINT=`<service>.<work>.<point>:<n>`, several with commas; `:stop` behind one means SIGSTOP. Refused
outside of development. Where none is set, a place costs a call and a look at an empty list.
"""

import os
import re
import signal
from contextvars import ContextVar
from dataclasses import dataclass

VARIABLE = "PRECEPTOR_FAILPOINT"
POINTS = (
    "after-commit",  # a transaction is committed, whoever asked for it does not know yet
    "after-publish",  # Kafka has acknowledged one record, nothing says so yet
    "before-mark",  # a batch is published, none of its outbox rows is marked
    "after-effect",  # a reaction has written and not committed; a projection has written
    "before-offset-commit",  # a batch is handled, its offsets are not committed
    "before-answer",  # a process that was started for it has a job, and has not answered
    "before-save",  # what it made is here (a round's files, a list), nothing that is looked at names it
    "lease-expired",  # somebody's lapsed lease is ours, nothing is done with it yet
)
_WRITTEN = re.compile(
    rf"(?P<service>[a-z]+)\.(?P<place>[a-z]+\.({'|'.join(POINTS)})):(?P<arrival>[1-9][0-9]*)(?P<stop>:stop)?"
)


@dataclass(slots=True)
class _Armed:
    place: str
    left: int
    sign: signal.Signals

    def arrive(self, place: str) -> None:
        self.left -= place == self.place
        if self.left == 0:
            self.left = -1  # one that was stopped goes on, and is not stopped again
            os.kill(os.getpid(), self.sign)


_ARMED: list[_Armed] = []
_WORK: ContextVar[str] = ContextVar("work", default="api")


def arm(service: str, told: str, *, environment: str) -> None:
    """Takes what the variable says of this service. Ends the process where it may not, or says nothing known."""
    _ARMED.clear()
    for one in filter(None, told.split(",")):
        if environment != "development":
            raise SystemExit(f"{VARIABLE} is for development: nothing kills itself in {environment}")
        found = _WRITTEN.fullmatch(one)
        if found is None:
            raise SystemExit(f"{VARIABLE}: must be <service>.<work>.<point>:<n>, the point one of {', '.join(POINTS)}")
        if found["service"] == service:
            sign = signal.SIGSTOP if found["stop"] else signal.SIGKILL
            _ARMED.append(_Armed(found["place"], int(found["arrival"]), sign))


def enter(work: str) -> None:
    """From here on, this task and those it starts are part of this work; what nobody entered is the api's."""
    _WORK.set(work)


def reach(point: str) -> None:
    if _ARMED:
        _arrive(point)


def _arrive(point: str) -> None:
    for armed in _ARMED:
        armed.arrive(f"{_WORK.get()}.{point}")
