"""JSON Schemas of the contracts, one for each event type, and the schemas published earlier."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from shared.contracts.catalogue import EVENTS
from shared.contracts.payload import Payload

Schema = dict[str, Any]

FOLDER = Path(__file__).parent / "schemas"
HISTORY = FOLDER / "history"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_WORDS = frozenset({"title", "description", "$schema", "$id"})


@cache
def schemas() -> Mapping[str, Schema]:
    """The current schemas of payloads by type. Headers are the same for every event: docs/events.md."""
    return {event_type: _schema(payload) for event_type, payload in EVENTS.items()}


def _schema(payload: type[Payload]) -> Schema:
    return {
        "$schema": _DIALECT,
        "$id": f"urn:preceptor:event:{payload.TYPE}",
        **payload.model_json_schema(),
        "x-topic": payload.TOPIC,
        "x-key": f"<institution>:<{payload.AGGREGATE}>",
    }


def binding(schema: Any) -> Any:
    """The parts of a schema that readers and writers depend on: all but titles, descriptions and the order of keys."""
    if isinstance(schema, list):
        return [binding(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    # Below `properties` and `$defs` the keys are field names: a field may be called `title`.
    return {
        key: {name: binding(part) for name, part in sorted(value.items())}
        if key in {"properties", "$defs"}
        else binding(value)
        for key, value in sorted(schema.items())
        if key not in _WORDS
    }


def text(schema: Schema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def published(event_type: str, *, history: Path = HISTORY) -> Iterator[tuple[Path, Schema]]:
    """Every published schema of this type, the oldest first."""
    for path in sorted((history / event_type).glob("*.json")):
        yield path, json.loads(path.read_text(encoding="utf-8"))
