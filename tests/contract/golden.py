"""The golden events: one of each form ever published, exactly as on the wire. They are added to, never edited."""

import json
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


@dataclass(frozen=True, slots=True)
class Golden:
    name: str
    topic: str
    key: bytes
    headers: dict[str, bytes]
    value: bytes

    @property
    def type(self) -> str:
        return self.headers["ce_type"].decode()


def load(path: Path) -> Golden:
    event = json.loads(path.read_text(encoding="utf-8"))
    headers = {name: text.encode() for name, text in event["headers"].items()}
    return Golden(path.stem, event["topic"], event["key"].encode(), headers, event["value"].encode())


GOLDEN = [load(path) for path in sorted(FOLDER.glob("*.json"))]


def golden(event_type: str) -> Golden:
    return next(golden for golden in GOLDEN if golden.name == event_type)
