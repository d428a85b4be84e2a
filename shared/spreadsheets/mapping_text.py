"""Reads the text of a mapping (YAML or JSON) into text, lists and mappings, at a cost linear in its size.

It takes events of the C parser singly and stops at the first limit: PyYAML's own loader needs 18 seconds for
200 KB, and the C parser needs minutes for 200,000 nested lists.
"""

import re
from dataclasses import dataclass
from typing import Any

import yaml

MAX_BYTES = 256 * 1024
MAX_DEPTH = 12
MAX_VALUES = 20_000
_DIRECTIVE = re.compile(r"^%", re.MULTILINE)


class UnreadableMapping(Exception):
    """Its text says what is wrong and, where known, in which line."""


@dataclass(slots=True)
class _Container:
    content: list[Any] | dict[str, Any]
    key: str | None = None
    """In a mapping: the key whose value comes next."""

    def add(self, value: Any, line: int) -> None:
        if isinstance(self.content, list):
            self.content.append(value)
        elif self.key is not None:
            self.content[self.key] = value
            self.key = None
        elif not isinstance(value, str):
            raise UnreadableMapping(f"line {line}: a key must be text")
        elif value in self.content:
            raise UnreadableMapping(f"line {line}: this key appears twice in one mapping")
        else:
            self.key = value


def load(text: bytes) -> Any:
    """Text, lists and mappings only: every scalar is text (`no` is no boolean). None for an empty file.

    Raises `UnreadableMapping`.
    """
    if len(text) > MAX_BYTES:
        raise UnreadableMapping(f"must not be larger than {MAX_BYTES // 1024} KB")
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as broken:
        raise UnreadableMapping(f"must be UTF-8; byte {broken.start} is not") from None
    if _DIRECTIVE.search(decoded):
        raise UnreadableMapping("must be YAML or JSON without directives: no line may begin with %")
    try:
        return _built(decoded)
    except yaml.YAMLError as broken:
        mark = getattr(broken, "problem_mark", None)
        position = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        problem = getattr(broken, "problem", None) or "the text ends too early"
        raise UnreadableMapping(f"must be YAML or JSON: {problem}{position}") from None


def _built(text: str) -> Any:
    documents: list[Any] = []
    opened = [_Container(documents)]
    for values, event in enumerate(yaml.parse(text, yaml.CBaseLoader)):
        line = event.start_mark.line + 1 if event.start_mark else 0
        _refuse_beyond_limits(event, line, depth=len(opened), values=values)
        if isinstance(event, yaml.ScalarEvent):
            opened[-1].add(event.value, line)
        elif isinstance(event, yaml.CollectionStartEvent):
            content: list[Any] | dict[str, Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
            opened[-1].add(content, line)
            opened.append(_Container(content))
        elif isinstance(event, yaml.CollectionEndEvent):
            opened.pop()
    if len(documents) > 1:
        raise UnreadableMapping("must be one YAML document: a line --- begins another")
    return documents[0] if documents else None


def _refuse_beyond_limits(event: Any, line: int, *, depth: int, values: int) -> None:
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise UnreadableMapping(f"line {line}: anchors (&) and aliases (*) are not supported")
    if depth > MAX_DEPTH:
        raise UnreadableMapping(f"line {line}: is nested deeper than the {MAX_DEPTH} levels that a mapping may have")
    if values > MAX_VALUES:
        raise UnreadableMapping(f"line {line}: a mapping has at most {MAX_VALUES} values")
