"""Generates the tables of docs/events.md from the models, deploy/topics.yaml and the golden events."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from shared.contracts.catalogue import EVENTS, PRIVATE
from shared.contracts.payload import Id, Slug
from shared.contracts.schema import Schema, schemas
from shared.topics import Topic, load_topics

READERS: Mapping[str, str] = {
    "profiles.institutions": "matching, notifications",
    "profiles.programmes": "matching, mentorships, notifications",
    "profiles.vocabulary": "matching",
    "profiles.members": "matching, mentorships",
    "profiles.preferences": "matching only",
    "profiles.contacts": "notifications only",
    "profiles.mentoring": "mentorships only",
    "profiles.erasures": "matching, mentorships, notifications",
    "profiles.events": "notifications",
    "matching.assessments": "mentorships only",
    "matching.events": "mentorships, notifications, profiles; matching itself after a restore",
    "mentorships.events": "matching, notifications; profiles, for receipts of erasures",
    "notifications.events": "profiles, for receipts of erasures",
    "profiles.dead-letters": "operators",
    "matching.dead-letters": "operators",
    "mentorships.dead-letters": "operators",
    "notifications.dead-letters": "operators",
}
_BEGIN, _END = "<!-- generated: python -m shared.contracts.export -->", "<!-- end of the generated part -->"
_DAY_MS = 86_400_000
_CONSTRAINTS = {
    "minimum": "from {}",
    "maximum": "to {}",
    "minLength": "at least {} long",
    "maxLength": "at most {} long",
    "pattern": "`{}`",
}
_TERMS = {TypeAdapter(Id).json_schema()["pattern"]: "id", TypeAdapter(Slug).json_schema()["pattern"]: "slug"}
"""Types that the page explains once."""


def renewed(document: str, *, topics_file: Path, golden: Path) -> str:
    """The document with its generated part renewed."""
    before, begin, rest = document.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"the document needs the lines {_BEGIN} and {_END}")
    topics = load_topics(topics_file)
    return f"{before}{_BEGIN}\n\n{_topics(topics)}\n\n{_events(golden)}\n\n{_END}{after}"


def _topics(topics: list[Topic]) -> str:
    rows = [
        (
            f"`{topic.name}`",
            ", ".join(
                f"[{_short(name)}](#{_anchor(name)})" for name, event in EVENTS.items() if topic.name == event.TOPIC
            ),
            READERS[topic.name],
            _kept(topic),
            str(topic.partitions),
        )
        for topic in topics
    ]
    return "## Topics\n\n" + _table(("topic", "events", "read by", "kept", "partitions in production"), rows)


def _kept(topic: Topic) -> str:
    if topic.settings["cleanup.policy"] == "compact":
        lag = topic.settings.get("max.compaction.lag.ms")
        within = f", older ones gone within {int(lag) // _DAY_MS} days" if lag else ""
        return f"the last state of each key{within}"
    return f"{int(topic.settings['retention.ms']) // _DAY_MS} days"


def _events(golden: Path) -> str:
    return "\n\n".join(_event(event_type, schema, golden) for event_type, schema in schemas().items())


def _event(event_type: str, schema: Schema, golden: Path) -> str:
    payload = EVENTS[event_type]
    example = json.loads((golden / f"{event_type}.json").read_text(encoding="utf-8"))
    private = " Private: personal data." if payload.TOPIC in PRIVATE else ""
    value = json.dumps(json.loads(example["value"]), indent=2, ensure_ascii=False)
    return "\n\n".join(
        part
        for part in (
            f"## {_short(event_type)}",
            f"`{event_type}` on `{payload.TOPIC}`, key `<institution>:<{payload.AGGREGATE}>`.{private}",
            schema.get("description", "").replace("\n", " "),
            _table(("field", "what it holds", "required", "meaning"), list(_fields(schema, schema))),
            f"```json\n{value}\n```",
        )
        if part
    )


def _fields(schema: Schema, root: Schema, prefix: str = "") -> Iterator[tuple[str, ...]]:
    for name, field in schema["properties"].items():
        required = "yes" if name in schema.get("required", ()) else _default_in_words(field)
        yield (
            f"`{prefix}{name}`",
            _type_in_words(field, root),
            required,
            field.get("description", "").replace("\n", " "),
        )
        nested = _nested(field, root)
        if nested is not None:
            yield from _fields(
                nested, root, f"{prefix}{name}[]." if field.get("type") == "array" else f"{prefix}{name}."
            )


def _nested(field: Schema, root: Schema) -> Schema | None:
    reference = field.get("$ref") or field.get("items", {}).get("$ref")
    nested: Schema | None = root["$defs"][reference.removeprefix("#/$defs/")] if reference else None
    return nested


def _default_in_words(field: Schema) -> str:
    return f"no: `{json.dumps(field['default'])}`" if "default" in field else "no"


def _type_in_words(field: Schema, root: Schema) -> str:
    if "anyOf" in field:
        return " or ".join(_type_in_words(alternative, root) for alternative in field["anyOf"])
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        return f"list of {_type_in_words(field['items'], root)}"
    if "additionalProperties" in field:
        return f"{_type_in_words(field['propertyNames'], root)} → {_type_in_words(field['additionalProperties'], root)}"
    return "object" if "$ref" in field else _plain(field)


def _plain(field: Schema) -> str:
    if field.get("pattern") in _TERMS:
        return _TERMS[field["pattern"]]
    limits = [words.format(field[key]) for key, words in _CONSTRAINTS.items() if key in field]
    return ", ".join([field["type"], *limits])


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: Any) -> str:
    return str(text).replace("|", "\\|")


def _short(event_type: str) -> str:
    return event_type.removeprefix("org.preceptor.")


def _anchor(event_type: str) -> str:
    return _short(event_type).replace(".", "")
