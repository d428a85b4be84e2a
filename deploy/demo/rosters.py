"""Rosters as institutions send them: of the generated network, a real one where it lies beside us, else our own."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from deploy.demo.api import Api, Json, until
from deploy.demo.founding import Founded
from deploy.demo.network import INSTITUTIONS, PROGRAMMES, Institution, Person, Programme

HERE = Path(__file__).parent
REAL = HERE.parent.parent.parent / "shared" / "data" / "civil-service"
_REAL_MAPPING = HERE / "civil-service.yaml"
_IMPORT_SECONDS = 60
_SEVERAL = ";"
_STAGES = {
    "Medical student": "student",
    "Resident": "resident",
    "Fellow": "fellow",
    "Early career": "early_career",
    "Attending": "attending",
    "Senior physician": "senior",
    "Retired": "retired",
}
_TITLES = {stage: title for title, stage in _STAGES.items()}
_ROLES: dict[str, str | list[str]] = {"mentor": "mentor", "mentee": "mentee", "both": ["mentor", "mentee"]}
_COLUMNS = {
    "external_id": "Staff no.",
    "name": "Name",
    "email": "E-mail",
    "locale": "Locale",
    "stage": "Career stage",
    "specialty": "Specialty",
    "topics_offered": "Can help with",
    "topics_wanted": "Would like help with",
    "languages": "Languages",
    "formats": "Formats",
    "time_zone": "Time zone",
    "hours_per_month": "Hours a month",
    "capacity": "Mentees at a time",
    "style": "Style",
}


@dataclass(frozen=True, slots=True)
class File:
    section: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    institution: str
    mapping: bytes
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A part of the network before it is founded: who is in it, and the files their institutions send."""

    name: str
    institutions: tuple[Founded, ...]
    programmes: tuple[Programme, ...]
    rosters: tuple[Roster, ...]
    willing: frozenset[str] = frozenset()
    """External ids of those who will say that other institutions' people are welcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What an import made of its rows."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)})


def medical(people: Iterable[Person]) -> Source:
    """The generated network: institutions that all exchange with one another, a file from each."""
    everybody = list(people)
    ids = tuple(one.id for one in INSTITUTIONS)
    return Source(
        name="medical network",
        institutions=tuple(
            Founded(id=one.id, name=one.name, exchanges_with=tuple(id for id in ids if id != one.id))
            for one in INSTITUTIONS
        ),
        programmes=PROGRAMMES,
        rosters=tuple(
            _generated(one, sent)
            for one in INSTITUTIONS
            if (sent := [person for person in everybody if person.institution == one.id])
        ),
        willing=frozenset(person.external_id for person in everybody if person.across_institutions),
    )


def real_or_own(folder: Path = REAL) -> Source:
    """The Civil Service's sample where it lies beside the repository, else the small roster of the demo."""
    return _sent("civil-service", "Civil Service", folder, _REAL_MAPPING) if folder.is_dir() else own()


def own() -> Source:
    """Twenty people of some country practices."""
    return _sent("rowan-rural-practices", "Rowan Rural", HERE / "roster", HERE / "roster.yaml")


async def take_in(api: Api, roster: Roster, *, dry_run: bool = False) -> Counts:
    """Its files one after another: a person may stand in two. Raises `NeverArrived`."""
    counts = Counts()
    for file in roster.files:
        counts += await _import(api, roster, file, dry_run=dry_run)
    return counts


async def _import(api: Api, roster: Roster, file: File, *, dry_run: bool) -> Counts:
    coordinator = api.coordinator(roster.institution)
    fields = {"section": file.section, "dry_run": str(dry_run).lower()}
    parts = {
        "file": (f"{file.section}.csv", file.content, "text/csv"),
        "mapping": ("mapping.yaml", roster.mapping, "application/yaml"),
    }
    accepted = await coordinator.upload("profiles", "/rosters", fields, parts)
    path = f"/rosters/{accepted.json()['id']}"

    async def look() -> Json | None:
        job: Json = (await coordinator.get("profiles", path)).json()
        if job["status"] == "failed":
            raise RuntimeError(f"the import {path} of {roster.institution} failed: see the log of profiles")
        return job if job["status"] == "done" else None

    missing = f"the end of import {path} of {roster.institution}; see the log of profiles (role clockwork)"
    job = await until(look, clock=api.clock, within=_IMPORT_SECONDS, missing=missing)
    return Counts(**job["counts"])


def _generated(institution: Institution, people: Sequence[Person]) -> Roster:
    programmes = [one for one in PROGRAMMES if institution.id in one.admits]
    mapping = {"version": "1", "sections": {"people": _section(programmes)}}
    content = io.StringIO(newline="")
    writer = csv.writer(content)
    writer.writerow([*_COLUMNS.values(), *(one.name for one in programmes)])
    writer.writerows(_row(person, programmes) for person in people)
    return Roster(
        institution=institution.id,
        mapping=json.dumps(mapping).encode(),
        files=(File("people", content.getvalue().encode()),),
    )


def _section(programmes: Sequence[Programme]) -> Json:
    several = {"topics_offered", "topics_wanted", "languages", "formats"}
    said: Json = {
        field: {"column": column} | ({"split": _SEVERAL} if field in several else {})
        for field, column in _COLUMNS.items()
    }
    said["stage"]["values"] = _STAGES
    enrol = [{"programme": one.id, "roles": {"column": one.name, "values": _ROLES}} for one in programmes]
    return {"fields": said, "enrol": enrol}


def _row(person: Person, programmes: Sequence[Programme]) -> list[str]:
    def cell(field: str) -> str:
        value = getattr(person, field)
        if field == "stage":
            return _TITLES[value]
        return _SEVERAL.join(value) if isinstance(value, tuple) else str(value)

    role = "both" if len(person.roles) > 1 else person.roles[0]
    return [
        *(cell(field) for field in _COLUMNS),
        *(role if one.id in person.programmes else "" for one in programmes),
    ]


def _sent(institution: str, name: str, folder: Path, mapping: Path) -> Source:
    """A section of the mapping reads the file of its name; the programmes are those that it enrols in."""
    text = mapping.read_bytes()
    sections: Json = yaml.safe_load(text)["sections"]
    programmes = {enrol["programme"] for section in sections.values() for enrol in section.get("enrol", ())}
    return Source(
        name=name,
        institutions=(Founded(id=institution, name=name),),
        programmes=tuple(
            Programme(id=one, name=one.replace("-", " ").title(), institution=institution, admits=(institution,))
            for one in sorted(programmes)
        ),
        rosters=(
            Roster(
                institution=institution,
                mapping=text,
                files=tuple(File(section, (folder / f"{section}.csv").read_bytes()) for section in sections),
            ),
        ),
    )
