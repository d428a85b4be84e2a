"""The CSV files that institutions send, with their mappings, and their import."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from deploy.api_client import Api, Json, until
from deploy.demo.founding import NewInstitution
from deploy.demo.network import INSTITUTIONS, PROGRAMMES, Person, Programme

HERE = Path(__file__).parent
CIVIL_SERVICE = HERE.parent.parent.parent / "shared" / "data" / "civil-service"
_IMPORT_SECONDS = 60
_SEPARATOR = ";"
_ROLES: dict[str, str | list[str]] = {"mentor": "mentor", "mentee": "mentee", "both": ["mentor", "mentee"]}
_LIST_FIELDS = ("topics_offered", "topics_wanted", "languages", "formats")
_NOT_SENT = ("institution", "roles", "programmes", "across_institutions")
_FIELDS = tuple(field.name for field in fields(Person) if field.name not in _NOT_SENT)


@dataclass(frozen=True, slots=True)
class Roster:
    institution: str
    mapping: bytes
    files: dict[str, bytes]
    """By section of the mapping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A part of the network to found: its institutions, its programmes and the rosters of its people."""

    name: str
    institutions: tuple[NewInstitution, ...]
    programmes: tuple[Programme, ...]
    rosters: tuple[Roster, ...]
    open_to_others: frozenset[str] = frozenset()
    """External ids of people who will agree to mentorships across institutions."""


def medical(people: Iterable[Person]) -> Source:
    """The invented network: each institution exchanges with all others and sends one file."""
    invented = list(people)
    ids = {institution.id for institution in INSTITUTIONS}
    return Source(
        name="medical network",
        institutions=tuple(
            NewInstitution(id=each.id, name=each.name, exchanges_with=ids - {each.id}) for each in INSTITUTIONS
        ),
        programmes=PROGRAMMES,
        rosters=tuple(_roster(id, [person for person in invented if person.institution == id]) for id in sorted(ids)),
        open_to_others=frozenset(person.external_id for person in invented if person.across_institutions),
    )


def real_or_own(folder: Path = CIVIL_SERVICE) -> Source:
    """The Civil Service's sample where it lies beside the repository, else the demo's own small roster."""
    return _sent("civil-service", folder, HERE / "civil-service.yaml") if folder.is_dir() else own()


def own() -> Source:
    """Twenty rows of some country practices."""
    return _sent("rowan-rural-practices", HERE / "roster", HERE / "roster.yaml")


async def import_roster(api: Api, roster: Roster, *, dry_run: bool = False) -> Counter[str]:
    """Counts of rows by outcome. Imports one file after another, as a person may be in two. Raises `NeverArrived`."""
    counts: Counter[str] = Counter()
    for section, content in roster.files.items():
        counts += await _import(api, roster, section, content, dry_run=dry_run)
    return counts


async def _import(api: Api, roster: Roster, section: str, content: bytes, *, dry_run: bool) -> Counter[str]:
    coordinator = api.coordinator(roster.institution)
    fields = {"section": section, "dry_run": str(dry_run).lower()}
    parts = {
        "file": (f"{section}.csv", content, "text/csv"),
        "mapping": ("mapping.yaml", roster.mapping, "application/yaml"),
    }
    accepted = await coordinator.upload("profiles", "/rosters", fields, parts)
    path = f"/rosters/{accepted.json()['id']}"

    async def finished() -> Json | None:
        job: Json = (await coordinator.get("profiles", path)).json()
        if job["status"] == "failed":
            raise RuntimeError(f"the import {path} of {roster.institution} failed: see the log of profiles")
        return job if job["status"] == "done" else None

    missing = f"the end of import {path} of {roster.institution}; see the log of profiles (role clockwork)"
    job = await until(finished, clock=api.clock, within=_IMPORT_SECONDS, missing=missing)
    return Counter(job["counts"])


def _roster(institution: str, people: Iterable[Person]) -> Roster:
    """Columns are named after our fields and programmes; a programme's column holds the person's roles in it."""
    programmes = [programme.id for programme in PROGRAMMES if institution in programme.admits]
    section = {
        "fields": {
            field: {"column": field} | ({"split": _SEPARATOR} if field in _LIST_FIELDS else {}) for field in _FIELDS
        },
        "enrol": [{"programme": id, "roles": {"column": id, "values": _ROLES}} for id in programmes],
    }
    content = io.StringIO(newline="")
    rows = csv.DictWriter(content, [*_FIELDS, *programmes])
    rows.writeheader()
    rows.writerows(_row(person) for person in people)
    mapping = {"version": "1", "sections": {"people": section}}
    return Roster(institution, json.dumps(mapping).encode(), {"people": content.getvalue().encode()})


def _row(person: Person) -> dict[str, object]:
    roles = "both" if len(person.roles) > 1 else person.roles[0]
    values = {field: getattr(person, field) for field in _FIELDS}
    cells = {field: _SEPARATOR.join(value) if field in _LIST_FIELDS else value for field, value in values.items()}
    return {**cells, **dict.fromkeys(person.programmes, roles)}


def _sent(institution: str, folder: Path, mapping: Path) -> Source:
    """Each section of the mapping reads the file of its name; the source's programmes are those it enrols in."""
    sections: Json = yaml.safe_load(mapping.read_bytes())["sections"]
    programmes = {enrol["programme"] for section in sections.values() for enrol in section["enrol"]}
    files = {section: (folder / f"{section}.csv").read_bytes() for section in sections}
    return Source(
        name=_title(institution),
        institutions=(NewInstitution(id=institution, name=_title(institution)),),
        programmes=tuple(
            Programme(id=id, name=_title(id), institution=institution, admits=(institution,))
            for id in sorted(programmes)
        ),
        rosters=(Roster(institution, mapping.read_bytes(), files),),
    )


def _title(id: str) -> str:
    return id.replace("-", " ").title()
