"""Checks that two schemas of an event type are compatible: each side reads what the other writes (FULL).

Within a major version only optional fields are added or removed. A new enum value breaks older readers, and a removed
value breaks today's readers of older records. A schema is compared with all earlier schemas (TRANSITIVE), so that a
removed field cannot return with another meaning.
"""

from collections.abc import Iterator
from typing import Any

from shared.contracts.schema import Schema, binding


def breaks(old: Schema, new: Schema) -> list[str]:
    """One sentence for each incompatibility, with its path."""
    sides = binding(old), binding(new)
    return list(_compare(*(_resolved(side, side) for side in sides), at="(root)"))


def _compare(old: Any, new: Any, *, at: str) -> Iterator[str]:
    if not isinstance(old, dict) or not isinstance(new, dict):
        if old != new:
            yield f"{at}: {old} became {new}"
        return
    for key in sorted((old.keys() | new.keys()) - {"properties", "required", "$defs"}):
        yield from _compare_keyword(key, old.get(key), new.get(key), at)
    yield from _compare_required(old, new, at)
    known = old.get("properties", {})
    for name, schema in new.get("properties", {}).items():
        if name in known:
            yield from _compare(known[name], schema, at=f"{at}.{name}")


def _compare_keyword(key: str, old: Any, new: Any, at: str) -> Iterator[str]:
    if key == "enum" and old and new:
        yield from (f"{at}: the value {gone} is gone" for gone in old if gone not in new)
        yield from (f"{at}: the value {come} is new, and older readers refuse it" for come in new if come not in old)
    elif key == "anyOf" and old and new and len(old) == len(new):
        for before, after in zip(old, new, strict=True):
            yield from _compare(before, after, at=at)
    elif key in {"items", "additionalProperties", "propertyNames"}:
        yield from _compare(old, new, at=f"{at}[]")
    elif old != new:
        yield f"{at}: {key} was {old} and is {new}"


def _compare_required(old: Schema, new: Schema, at: str) -> Iterator[str]:
    before, after = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(after - before):
        yield f"{at}.{name}: required now, and older records lack it"
    for name in sorted(before - after):
        gone = "gone" if name not in new.get("properties", {}) else "optional now"
        yield f"{at}.{name}: {gone}, and older readers require it"


def _resolved(schema: Any, root: Schema) -> Any:
    """The schema with references resolved: renaming a definition is compatible."""
    if isinstance(schema, list):
        return [_resolved(part, root) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        referred = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return _resolved(referred | rest, root)
    return {key: _resolved(value, root) for key, value in schema.items() if key != "$defs"}
