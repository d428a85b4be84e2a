"""Reads JSON strictly (I-JSON, RFC 7493): UTF-8 without a byte order mark, and no key twice in an object.

The time grows no faster than the content. The messages of `Unreadable` are to be put after the document's name.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NoReturn

MAX_DEPTH = 32
MAX_KEYS = 1_000
"""In one object of a request's body."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""Our fields' names. Another key may hold what a person wrote, and is not repeated in a message."""
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
"""Never fails after its first character, so that no character is examined twice."""
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class Unreadable(Exception):
    """What is wrong, and where."""


def read_body(body: bytes) -> Any:
    """Refuses infinite numbers too, and more depth or keys than any body of ours needs. Raises `Unreadable`."""
    if _is_too_deep(body):
        raise Unreadable(f"is nested deeper than {MAX_DEPTH} levels")
    return _read(body, max_keys=MAX_KEYS, parse_constant=_refuse, parse_float=_finite)


def read(content: bytes) -> Any:
    """Leaves numbers that are not finite to the caller's own checks. Raises `Unreadable`."""
    return _read(content, max_keys=None)


def _read(content: bytes, *, max_keys: int | None, **hooks: Any) -> Any:
    """Decodes first, because `json.loads` of bytes accepts UTF-16 and UTF-32 too."""

    def checked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if max_keys is not None and len(pairs) > max_keys:
            raise Unreadable(f"has more than {max_keys} keys in one object")
        known = dict(pairs)
        if len(known) < len(pairs):
            repeated, _ = Counter(name for name, _ in pairs).most_common(1)[0]
            raise Unreadable(f"has the key {_shown(repeated)} twice in one object")
        return known

    try:
        return json.loads(content.decode(), object_pairs_hook=checked, **hooks)
    except UnicodeDecodeError as wrong:
        raise Unreadable(f"must be UTF-8; byte {wrong.start} is not") from None
    except json.JSONDecodeError as wrong:
        raise Unreadable(f"must be JSON; line {wrong.lineno}, column {wrong.colno}: {wrong.msg}") from None
    except RecursionError:
        raise Unreadable(f"is nested deeper than {MAX_DEPTH} levels") from None
    except ValueError:
        raise Unreadable(f"must be JSON with finite numbers: {_path(content)} is not finite, or too long") from None


def _is_too_deep(body: bytes) -> bool:
    """Removes the innermost pairs of brackets, level by level. The parser refuses brackets without a partner."""
    brackets = _STRING.sub(b"", body).translate(_BRACKETS, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        if len(outer := brackets.replace(b"[]", b"")) == len(brackets):
            return False
        brackets = outer
    return b"[]" in brackets


def _refuse(_: str) -> NoReturn:
    raise ValueError


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError
    return number


def _path(content: bytes) -> str:
    """The path of the first number that is not finite, where the rest can be read."""
    try:
        return next(_non_finite_paths(json.loads(content, parse_int=float)), "a number")
    except (ValueError, RecursionError):  # refused in any case: only the place is not known
        return "a number"


def _non_finite_paths(value: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Dotted paths of the numbers that are infinite or not a number; `path` is where `value` is."""
    if isinstance(value, float) and not math.isfinite(value):
        yield ".".join(path) or "the whole"
    parts: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from _non_finite_paths(part, (*path, _shown(str(name))))


def _shown(name: str) -> str:
    return name if name.isdecimal() or _NAME.fullmatch(name) else "…"
