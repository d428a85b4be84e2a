"""Generates files from the contracts: `python -m shared.contracts.export`; `--check` lists stale files instead.

Writes shared/contracts/schemas/<type>.json, schemas/history/<type>/<n>.json for each schema ever published,
docs/asyncapi.yaml, and the tables of docs/events.md. An incompatible change is refused: it needs a new major version.
Before the first release a published schema may be withdrawn by deleting its file in the history.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from shared.contracts import asyncapi
from shared.contracts.compatibility import breaks
from shared.contracts.reference import renewed
from shared.contracts.schema import FOLDER, HISTORY, Schema, binding, published, schemas, text

_ROOT = Path(__file__).parent.parent.parent
ASYNCAPI = _ROOT / "docs" / "asyncapi.yaml"
EVENTS_PAGE = _ROOT / "docs" / "events.md"
GOLDEN = _ROOT / "tests" / "contract" / "golden"
TOPICS = _ROOT / "deploy" / "topics.yaml"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m shared.contracts.export", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if anything is stale")
    check = parser.parse_args(arguments).check
    refused = incompatible(schemas())
    stale = {} if refused else stale_files()
    if not check:
        for path, content in stale.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    for path in stale:
        sys.stdout.write(f"{'stale' if check else 'written'}: {path.relative_to(_ROOT)}\n")
    sys.stderr.writelines(f"refused: {line}\n" for line in refused)
    return int(bool(refused) or (check and bool(stale)))


def incompatible(current: Mapping[str, Schema], *, history: Path = HISTORY) -> list[str]:
    """One sentence for each incompatibility with a published schema, and for each published type that is gone."""
    problems = [
        f"{event_type}: {broken} (published as {path.name})"
        for event_type, schema in current.items()
        for path, old in published(event_type, history=history)
        for broken in breaks(old, schema)
    ]
    known = {path.name for path in history.iterdir()} if history.exists() else set()
    return problems + [f"{gone}: was published, and is gone" for gone in sorted(known - current.keys())]


def stale_files() -> dict[Path, str]:
    """Stale files with their new content."""
    return {path: content for path, content in _wanted() if not path.exists() or path.read_text("utf-8") != content}


def _wanted() -> Iterator[tuple[Path, str]]:
    for event_type, schema in schemas().items():
        yield FOLDER / f"{event_type}.json", text(schema)
        forms = list(published(event_type))
        if not forms or forms[-1][1] != binding(schema):
            yield HISTORY / event_type / f"{len(forms) + 1:04}.json", text(binding(schema))
    yield ASYNCAPI, asyncapi.text(TOPICS)
    yield EVENTS_PAGE, renewed(EVENTS_PAGE.read_text("utf-8"), topics_file=TOPICS, golden=GOLDEN)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
