"""`python -m tests.crash.skewed SECONDS SERVICE [ROLE…]`: a service on a machine whose wall clock is wrong.

Its monotonic clock is right, as on such a machine. The clock that PyJWT and the log read is right too.
"""

import importlib
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

import uuid_utils

from shared.clock import SystemClock

_right = SystemClock()
_right_seconds = time.time


def main(seconds: int, service: str, roles: Sequence[str]) -> None:
    def now(_: SystemClock) -> datetime:
        return _right_now(_right) + timedelta(seconds=seconds)

    def new_id(_: SystemClock) -> str:
        at = _right_seconds() + seconds
        return str(uuid_utils.uuid7(nanoseconds=int(at * 1e9)))

    _right_now = SystemClock.now
    SystemClock.now, SystemClock.new_id = now, new_id  # type: ignore[method-assign]
    time.time = lambda: _right_seconds() + seconds  # what aiokafka stamps on records
    importlib.import_module(f"services.{service}.app").main(roles)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
