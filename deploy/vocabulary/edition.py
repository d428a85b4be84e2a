"""Reads an edition of the vocabulary from a file: topics, a line each, as bodies of `POST /vocabulary/terms`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

FIRST = Path(__file__).parent / "first_edition.yaml"


def read_edition(file: Path = FIRST) -> list[dict[str, Any]]:
    return list(_terms(yaml.safe_load(file.read_text(encoding="utf-8"))["topics"]))


def _terms(topics: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for topic in topics:
        yield {
            "id": topic["id"],
            "kind": "topic",
            "labels": {language: topic[language] for language in ("en", "de")},
            "other_names": topic.get("also", []),
            "broader": [topic["in"]] if "in" in topic else [],
        }
