"""Local times in IANA time zones, and the current name of a zone that was renamed.

A local time that a clock change skips is refused where a person enters it. An occurrence of a rule that falls into such
a gap is moved forward by the length of the gap; of a time that comes twice, the first is meant (RFC 5545, 3.3.5).
"""

from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from shared.errors import FieldError
from shared.zones import zones

LOCAL = "%Y-%m-%dT%H:%M"
"""How a local date and time is written: also the id of an occurrence within its series."""


def instant(local: datetime, zone: str) -> datetime:
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def local_time(moment: datetime, zone: str) -> datetime:
    """Without a zone."""
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def exists(local: datetime, zone: str) -> bool:
    """Whether clocks show this time at all: the hour that a change to summer time skips does not exist."""
    return local_time(instant(local, zone), zone) == local


def current_zone(name: str) -> str | None:
    """The zone's name of today (`Asia/Kolkata` for `Asia/Calcutta`, which browsers still send); None if unknown."""
    if name not in zones():
        return None
    renamed = _renamed().get(name)
    return renamed if renamed in zones() and name not in _in_use() else name


def gap_error(field: str, local: datetime, zone: str) -> FieldError | None:
    if exists(local, zone):
        return None
    later = local_time(instant(local, zone), zone)
    message = f"is skipped by a clock change in {zone}: choose {later.strftime(LOCAL)}, or another time"
    return FieldError(field, message)


@cache
def _renamed() -> dict[str, str]:
    """Former names, each with its zone, from the links of the tz database."""
    links = [line.split() for line in _database("tzdata.zi") if line.startswith("L ")]
    return {former: zone for _, zone, former in links}


@cache
def _in_use() -> frozenset[str]:
    """Names that the tz database lists by country. Some of them are links as well (`Europe/Copenhagen`)."""
    return frozenset(line.split("\t")[2] for line in _database("zone.tab") if not line.startswith("#")) | {"UTC"}


def _database(name: str) -> list[str]:
    return files("tzdata").joinpath("zoneinfo", name).read_text(encoding="utf-8").splitlines()
