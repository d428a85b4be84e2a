"""A person's rota: the duties in which, and after which, they do not meet. Pure.

It says when, and neither where nor what. Between night duties and the next meeting there is a rest.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from services.mentorships.kernel.pairs import Decided, Party, People
from services.mentorships.meetings.domain.duties import Busy
from shared.errors import FieldError, Rejected

Source = Literal["person", "integrator"]
MOST_DUTIES = 1_000
LONGEST_DUTY = timedelta(hours=48)
REST = timedelta(hours=11)
"""After a night duty: the daily rest of the Working Time Directive (2003/88/EC, article 3)."""
FURTHEST = timedelta(days=366)
_DEEP_NIGHT = time(3)
"""A duty during which it is three o'clock in the morning is a night duty."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Duty:
    begins_at: datetime
    ends_at: datetime
    is_night: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rota:
    """Replaced as a whole. In no event."""

    id: str
    """The member's."""
    person: Party
    version: int = 1
    duties: tuple[Duty, ...] = ()
    """By time."""
    source: Source
    changed_at: datetime
    due_at: datetime | None = None
    """When the person's meetings have to be compared with it: at once after each change."""

    @property
    def parties(self) -> People:
        return People(members=(self.person.member,), institutions=(self.person.institution,))

    @property
    def busy(self) -> Sequence[Busy]:
        return [
            Busy(
                begins_at=duty.begins_at,
                ends_at=duty.ends_at + (REST if duty.is_night else timedelta()),
                reason="after_night" if duty.is_night else "shift",
            )
            for duty in self.duties
        ]


def duties(spans: Iterable[tuple[datetime, datetime]], *, zone: str, now: datetime) -> tuple[Duty, ...]:
    """Those to come, by time; what is over is left out. Raises `Rejected` with the first that is wrong."""
    coming = sorted({span for span in spans if span[1] > now - REST})
    if len(coming) > MOST_DUTIES:
        raise refused(f"has {len(coming)} duties to come: at most {MOST_DUTIES} are read, so leave out later ones")
    for begins_at, ends_at in coming:
        if not begins_at < ends_at <= begins_at + LONGEST_DUTY:
            raise refused(f"has a duty at {begins_at.isoformat()} that does not end within two days after it begins")
        if begins_at > now + FURTHEST:
            raise refused(f"has a duty at {begins_at.isoformat()}, more than a year ahead")
    return tuple(
        Duty(begins_at=begins_at, ends_at=ends_at, is_night=_is_night(begins_at, ends_at, zone))
        for begins_at, ends_at in coming
    )


def set_rota(
    known: Rota | None, person: Party, new: tuple[Duty, ...], *, source: Source, now: datetime
) -> Decided[Rota] | None:
    """None where it is the same."""
    if known is None:
        rota = Rota(id=person.member, person=person, duties=new, source=source, changed_at=now, due_at=now)
        return Decided(state=rota)
    if (known.duties, known.source) == (new, source):
        return None
    version = known.version + 1
    return Decided(state=replace(known, version=version, duties=new, source=source, changed_at=now, due_at=now))


def touch(rota: Rota, *, now: datetime) -> Decided[Rota]:
    """Meetings have changed: they are compared with the rota again."""
    return Decided(state=replace(rota, version=rota.version + 1, due_at=now))


def pass_time(rota: Rota, now: datetime) -> Decided[Rota] | None:
    """The meetings are compared in the same transaction."""
    if rota.due_at is None or rota.due_at > now:
        return None
    return Decided(state=replace(rota, version=rota.version + 1, due_at=None))


def refused(message: str) -> Rejected:
    return Rejected("rota_invalid", "this rota cannot be used: see errors", (FieldError("content", message),))


def _is_night(begins_at: datetime, ends_at: datetime, zone: str) -> bool:
    begin, end = (moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for moment in (begins_at, ends_at))
    deep_night = datetime.combine(begin.date(), _DEEP_NIGHT)
    return begin < deep_night < end or begin < deep_night + timedelta(days=1) < end
