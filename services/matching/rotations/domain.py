"""Rotations for the evaluator firewall: an assessor and the assessed member are not matched, in either direction.

A rotation counts in a programme from some days before its first day until some days after its last, by UTC days. It
stores the programmes in which it counts now, and when it must be recounted.
Source: LCME standards, element 11.1 (counsel comes from people with no role in assessment).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from services.matching.projections.lookup.domain import Identifier, MembersByIdentifier, Named, resolve
from shared.contracts.matching import AssessmentChanged
from shared.errors import FieldError

FIRST, LAST = date(2000, 1, 1), date(2200, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A rotation as entered, with the id of the institution's system."""

    external: str
    assessor: str
    assessed: str
    begins: date
    ends: date
    """The last day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedEntry:
    """An entry whose members may be named by an identifier that is not resolved yet."""

    external: str
    assessor: Named
    assessed: Named
    begins: date
    ends: date

    @property
    def identifiers(self) -> tuple[Identifier, ...]:
        return tuple(named for named in (self.assessor, self.assessed) if isinstance(named, Identifier))

    def resolved(self, found: MembersByIdentifier) -> Entry | tuple[FieldError, ...]:
        assessor = resolve(self.assessor, found, field="assessor")
        assessed = resolve(self.assessed, found, field="assessed")
        if isinstance(assessor, str) and isinstance(assessed, str):
            return Entry(
                external=self.external, assessor=assessor, assessed=assessed, begins=self.begins, ends=self.ends
            )
        return tuple(error for error in (assessor, assessed) if isinstance(error, FieldError))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    institution: str
    entry: Entry
    version: int = 1
    is_void: bool = False
    """Whether it was withdrawn, so that it counts nowhere."""
    programmes: frozenset[str] = frozenset()
    """The programmes in which it counts now."""
    due_at: datetime | None
    assessment: str | None = None
    """Its id on the topic of assessments; None while it has never counted. Says nothing of who it is about."""
    announced: int = 0
    """The sequence of its last event."""
    is_announced: bool | None = None
    """Whether it counts, by its last event; None where that is unknown."""

    @property
    def counts(self) -> bool:
        return bool(self.programmes)

    @property
    def id(self) -> str:
        return f"{self.institution}:{self.entry.external}"

    @property
    def both(self) -> frozenset[str]:
        return frozenset({self.entry.assessor, self.entry.assessed})


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How long before and after a rotation it counts in a programme."""

    programme: str
    lookback: timedelta
    lookahead: timedelta


def wrong(entry: Entry, *, institution: str, known: Mapping[str, str]) -> tuple[FieldError, ...]:
    """The errors of an entry. `known` maps the members who may be named to their institutions; any other id is unknown,
    whether it exists or not.
    """
    unknown = [name for name in ("assessor", "assessed") if getattr(entry, name) not in known]
    errors = [FieldError(name, "must be the id of a member of your institution, or of a partner's") for name in unknown]
    if not errors and institution not in (known[entry.assessor], known[entry.assessed]):
        errors.append(FieldError("assessor", "must be a member of your institution, unless `assessed` is"))
    if entry.assessor == entry.assessed:
        errors.append(FieldError("assessed", "must be another person than the assessor"))
    if entry.ends < entry.begins:
        errors.append(FieldError("to", "must not be before `from`"))
    errors += [
        FieldError(name, f"must be a day from {FIRST} to {LAST}")
        for name, day in (("from", entry.begins), ("to", entry.ends))
        if not FIRST <= day <= LAST
    ]
    return tuple(errors)


def enter(known: Rotation | None, entry: Entry, *, institution: str, now: datetime) -> Rotation | FieldError:
    """The rotation to store; `known` itself where nothing changes."""
    if known is None:
        return Rotation(institution=institution, entry=entry, due_at=now)
    if (known.entry.assessor, known.entry.assessed) != (entry.assessor, entry.assessed):
        return FieldError("id", "is the id of a rotation of two other people: delete that rotation, or use another id")
    if known.entry == entry and not known.is_void:
        return known
    return replace(known, entry=entry, is_void=False, version=known.version + 1, due_at=now)


def take_back(known: Rotation, *, now: datetime) -> Rotation:
    return known if known.is_void else replace(known, is_void=True, version=known.version + 1, due_at=now)


def count(rotation: Rotation, windows: Iterable[Window], *, now: datetime) -> Rotation:
    """The rotation with the programmes in which it counts now; a new version only where these change."""
    spans = [] if rotation.is_void else [(window.programme, *_span(rotation.entry, window)) for window in windows]
    programmes = frozenset(programme for programme, start, end in spans if start <= now < end)
    due = min((moment for _, start, end in spans for moment in (start, end) if moment > now), default=None)
    changed = int(programmes != rotation.programmes)
    return replace(rotation, programmes=programmes, due_at=due, version=rotation.version + changed)


def announce(rotation: Rotation, *, new_id: str) -> tuple[Rotation, AssessmentChanged | None]:
    """The event, where the last one said something else, and the rotation with it. `new_id`: for a first event."""
    if rotation.is_announced == rotation.counts:
        return rotation, None
    assessment = rotation.assessment or (new_id if rotation.counts else None)
    if assessment is None:
        return replace(rotation, is_announced=False), None
    after = replace(rotation, assessment=assessment, announced=rotation.announced + 1, is_announced=rotation.counts)
    event = AssessmentChanged(
        assessment=assessment,
        institution=rotation.institution,
        assessor=rotation.entry.assessor,
        assessed=rotation.entry.assessed,
        counts=rotation.counts,
    )
    return after, event


def _span(entry: Entry, window: Window) -> tuple[datetime, datetime]:
    start = datetime.combine(entry.begins, time(), UTC) - window.lookahead
    return start, datetime.combine(entry.ends, time(), UTC) + timedelta(days=1) + window.lookback
