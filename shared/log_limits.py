"""Limits the rate of log lines: of warnings and errors of one kind, writes five lines in 30 s and counts the rest.

A kind is the logger, the level, the text without its values, the type of the fault and the name of the work. The count
of lines left out is written on a line of its own with the first line of any kind after the window, so that no line is
left out uncounted. Lines below WARNING are always written. Time is the records' own.
"""

import logging
from collections.abc import Iterator, MutableMapping
from copy import copy
from dataclasses import dataclass
from typing import Any

BURST = 5
WINDOW_SECONDS = 30.0


@dataclass(slots=True)
class _Window:
    began: float
    last: logging.LogRecord
    written: int = 0
    left_out: int = 0


class LimitedHandler(logging.StreamHandler[Any]):
    def __init__(self) -> None:
        super().__init__()
        self._windows: dict[tuple[str, ...], _Window] = {}

    def emit(self, record: logging.LogRecord) -> None:
        for summary in self._ended(record.created):
            super().emit(summary)
        if record.levelno < logging.WARNING or self._is_within(record):
            super().emit(record)

    def close(self) -> None:
        for summary in self._ended(float("inf")):
            super().emit(summary)
        super().close()

    def _is_within(self, record: logging.LogRecord) -> bool:
        window = self._windows.setdefault(_kind(record), _Window(record.created, record))
        window.last = record
        if window.written < BURST:
            window.written += 1
            return True
        window.left_out += 1
        return False

    def _ended(self, now: float) -> Iterator[logging.LogRecord]:
        ended = [kind for kind, window in self._windows.items() if now - window.began >= WINDOW_SECONDS]
        for kind in ended:
            window = self._windows.pop(kind)
            if window.left_out:
                summary = copy(window.last)
                summary.exc_info = None
                summary.left_out = window.left_out
                yield summary


def _kind(record: logging.LogRecord) -> tuple[str, ...]:
    values = record.msg if isinstance(record.msg, dict) else {"event": record.msg}
    fault = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
    parts = (values.get("event"), fault, values.get("fault"), values.get("work"))
    return (record.name, record.levelname, *map(str, parts))


def say_left_out(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Adds `left_out`, the number of lines of this kind that were not written."""
    left_out = getattr(event.get("_record"), "left_out", 0)
    if left_out:
        event["left_out"] = left_out
    return event
