"""JSON as I-JSON has it (RFC 7493): no NaN, no number that is not finite, no key twice in an object; and no deeper, and
with no more keys in an object, than any body of ours has. The cost of reading grows no faster than the body.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NoReturn

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""Of our fields: another key may be what somebody wrote, and is not repeated."""


MAX_DEPTH = 32
MAX_KEYS = 1_000
"""In one object."""
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
"""Never fails once it has begun, so that no character is looked at twice."""
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class Unreadable(Exception):
    """What is wrong, and where."""


def read(body: bytes) -> Any:
    """UTF-8 only, without a byte order mark: `json.loads` of bytes takes UTF-16 and UTF-32 too, which pydantic's strict
    parser does not. Raises `Unreadable`.
    """
    if _is_too_deep(body):
        raise Unreadable(f"the body is nested deeper than {MAX_DEPTH} levels")
    try:
        return json.loads(body.decode(), parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_once)
    except UnicodeDecodeError:
        raise Unreadable("the body must be UTF-8") from None
    except json.JSONDecodeError as wrong:
        raise Unreadable(f"the body must be JSON: {wrong.msg} at character {wrong.pos}") from None
    except RecursionError:
        raise Unreadable(f"the body is nested deeper than {MAX_DEPTH} levels") from None
    except ValueError:
        raise Unreadable(
            f"the body must be JSON with finite numbers: {_place(body)} is not finite, or too long"
        ) from None


def _is_too_deep(body: bytes) -> bool:
    """Takes away the innermost pairs of brackets, level by level. What has no partner is for the parser to refuse."""
    brackets = _STRING.sub(b"", body).translate(_BRACKETS, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        if len(outer := brackets.replace(b"[]", b"")) == len(brackets):
            return False
        brackets = outer
    return b"[]" in brackets


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_KEYS:
        raise Unreadable(f"an object in the body has more than {MAX_KEYS} keys")
    known = dict(pairs)
    if len(known) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise Unreadable(f"the key {_shown(twice)} appears twice in one object")
    return known


def _refuse(_: str) -> NoReturn:
    raise ValueError


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError
    return number


def _place(body: bytes) -> str:
    """Of the number that is none, where the rest can be read."""
    try:
        return next(_infinite(json.loads(body, parse_int=float)), "a number")
    except (ValueError, RecursionError):
        return "a number"


def _infinite(value: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    if isinstance(value, float) and not math.isfinite(value):
        yield ".".join(path) or "the body"
    parts: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from _infinite(part, (*path, _shown(str(name))))


def _shown(name: str) -> str:
    return name if name.isdecimal() or _NAME.fullmatch(name) else "…"
