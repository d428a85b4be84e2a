"""What is wrong with a file, a row or a mapping, in short sentences that repeat no cell."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from shared.errors import FieldError, Rejected
from shared.refusals import worded

MAX_COLUMN_NAME = 200
_MOST_ERRORS = 20
_MOST_REASONS = 10
"""For one row: 250 rows are stored in one document, and every column may be wrong in each."""
_MAX_MESSAGE = 300
_NAME_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a row is refused. `column` is empty where the reason concerns the whole row."""

    column: str
    message: str


class CellRefused(Exception):
    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.reason = Reason(column, message)


def file_refused(*messages: str) -> Rejected:
    return Rejected(
        "roster_invalid",
        "the file cannot be read: see errors; nothing was imported",
        tuple(FieldError("file", message) for message in messages),
    )


def mapping_refused(*errors: FieldError) -> Rejected:
    return Rejected("mapping_invalid", "the mapping cannot be used: see errors; nothing was imported", errors)


def mapping_errors(invalid: ValidationError) -> Iterator[FieldError]:
    errors = invalid.errors(include_url=False, include_input=False)
    for error in errors[:_MOST_ERRORS]:
        yield FieldError(path(*error["loc"]), worded(error))
    if len(errors) > _MOST_ERRORS:
        yield FieldError("mapping", f"has {len(errors) - _MOST_ERRORS} more errors")


def wrong(message: str) -> PydanticCustomError:
    return PydanticCustomError("mapping", message.replace("{", "{{").replace("}", "}}"))


def path(*parts: Any) -> str:
    return ".".join(shown(str(part), _NAME_SHOWN) for part in parts)


def shown(text: str, limit: int) -> str:
    """Shortens foreign text and replaces unprintable characters."""
    short = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return "".join(character if character.isprintable() else "?" for character in short)


def bounded(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    """At most ten reasons, each of them short and printable."""
    if not reasons:
        return ()
    more = len(reasons) - _MOST_REASONS
    short = [
        Reason(shown(reason.column, MAX_COLUMN_NAME), shown(reason.message, _MAX_MESSAGE))
        for reason in reasons[:_MOST_REASONS]
    ]
    return (*short, *([Reason("", f"{more} more values are wrong")] if more > 0 else []))


@dataclass(slots=True)
class _Kind:
    reason: Reason
    lines: list[int] = field(default_factory=list)

    @property
    def error(self) -> FieldError:
        more = f" and {len(self.lines) - 1} more" if len(self.lines) > 1 else ""
        return FieldError(
            ", ".join(filter(None, (f"line {self.lines[0]}{more}", self.reason.column))), self.reason.message
        )


def grouped(rows: Iterable[tuple[int, Sequence[Reason]]]) -> list[FieldError]:
    """The reasons by kind, in the order of their first line: `line 4 and 211 more, hours: …`."""
    kinds: dict[Reason, _Kind] = {}
    for line, reasons in rows:
        for reason in dict.fromkeys(reasons):
            kinds.setdefault(reason, _Kind(reason)).lines.append(line)
    return [kind.error for kind in kinds.values()]
