"""Parses JSON bodies as I-JSON (RFC 7493): finite numbers only, each key once in an object.

Depth and keys of an object are limited to what our models need. The cost is linear in the body's length.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NoReturn

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""The form of our field names. Any other key may hold personal data, and is not repeated."""
MAX_DEPTH = 32
MAX_KEYS = 1_000
"""The maximum in one object."""
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
"""Never fails once it has begun, so that no character is read twice."""
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class Unreadable(Exception):
    """The text says what is wrong with the body, and where."""


def read(body: bytes) -> Any:
    """Accepts UTF-8 without a byte order mark only, like pydantic's parser: `json.loads` of bytes also accepts UTF-16
    and UTF-32. Raises `Unreadable`.
    """
    if _is_too_deep(body):
        raise Unreadable(f"the body is nested deeper than {MAX_DEPTH} levels")
    try:
        return json.loads(body.decode(), parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_unique)
    except UnicodeDecodeError:
        raise Unreadable("the body must be UTF-8") from None
    except json.JSONDecodeError as wrong:
        raise Unreadable(f"the body must be JSON: {wrong.msg} at character {wrong.pos}") from None
    except RecursionError:
        raise Unreadable(f"the body is nested deeper than {MAX_DEPTH} levels") from None
    except ValueError:
        raise Unreadable(
            f"the body must be JSON with finite numbers: {_path_of_infinite(body)} is not finite, or too long"
        ) from None


def _is_too_deep(body: bytes) -> bool:
    """Removes the innermost pairs of brackets, level by level; the parser refuses unbalanced brackets."""
    brackets = _STRING.sub(b"", body).translate(_BRACKETS, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        if len(outer := brackets.replace(b"[]", b"")) == len(brackets):
            return False
        brackets = outer
    return b"[]" in brackets


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_KEYS:
        raise Unreadable(f"an object in the body has more than {MAX_KEYS} keys")
    parsed = dict(pairs)
    if len(parsed) < len(pairs):
        repeated, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise Unreadable(f"the key {_shown(repeated)} appears twice in one object")
    return parsed


def _refuse(_: str) -> NoReturn:
    raise ValueError


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError
    return number


def _path_of_infinite(body: bytes) -> str:
    """The path of the first number that is not finite; "a number" where the body cannot be parsed otherwise."""
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
