"""Canonical JSON (RFC 8785) of a round's files, which hold text, whole numbers, booleans and null.

Reading refuses a repeated key, because readers of JSON disagree on which value counts.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from shared.errors import FieldError, Rejected

MAX_DEPTH = 32


def text(value: Any) -> bytes:
    """UTF-8, keys sorted, no white space. Keys are ASCII, so UTF-8 and UTF-16 sort them alike."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def pointer(path: Sequence[str | int]) -> str:
    """RFC 6901."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def loaded(content: bytes, *, what: str) -> Any:
    """Raises `Rejected`: not UTF-8, not JSON, nested too deeply, a repeated key. `what` names the file."""
    try:
        return json.loads(content.decode(), object_pairs_hook=_once)
    except UnicodeDecodeError as wrong:
        raise _refused(what, f"must be UTF-8; byte {wrong.start} is not") from None
    except json.JSONDecodeError as wrong:
        raise _refused(what, f"must be JSON; line {wrong.lineno}, column {wrong.colno}: {wrong.msg}") from None
    except RecursionError:
        raise _refused(what, f"is nested too deeply: a round needs no more than {MAX_DEPTH} levels") from None
    except ValueError as wrong:
        raise _refused(what, f"must be JSON: {wrong}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    known = dict(pairs)
    if len(known) < len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the key {twice[:40]!r} appears twice in one object")
    return known


def _refused(what: str, message: str) -> Rejected:
    return Rejected("file_unreadable", f"{what} cannot be read", (FieldError("", message),))
