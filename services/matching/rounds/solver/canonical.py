"""Canonical JSON (RFC 8785) of a round's files, which hold text, whole numbers, booleans and null.

Reading refuses a repeated key, because readers of JSON disagree on which value counts.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from shared import strict_json
from shared.errors import FieldError, Rejected


def text(value: Any) -> bytes:
    """UTF-8, keys sorted, no white space. Keys are ASCII, so UTF-8 and UTF-16 sort them alike."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def pointer(path: Sequence[str | int]) -> str:
    """RFC 6901."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def loaded(content: bytes, *, what: str) -> Any:
    """Raises `Rejected` for content that is not strict JSON. `what` names the file."""
    try:
        return strict_json.read(content)
    except strict_json.Unreadable as wrong:
        raise Rejected("file_unreadable", f"{what} cannot be read", (FieldError("", str(wrong)),)) from None
