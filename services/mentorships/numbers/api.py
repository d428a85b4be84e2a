"""The numbers of a programme over HTTP, as JSON or CSV."""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from services.mentorships.numbers.domain import Numbers
from services.mentorships.numbers.usecases import NumbersUseCases, Span
from shared.contracts.payload import Id
from shared.errors import FieldError, Rejected
from shared.http import SignedIn, problems, router

From = Annotated[
    date | None, Query(alias="from", description="The first day of a half-year, in UTC", examples=["2027-01-01"])
]
To = Annotated[date | None, Query(description="The last day of a half-year, in UTC", examples=["2027-12-31"])]

_FIRST_DAYS, _LAST_DAYS = ((1, 1), (7, 1)), ((6, 30), (12, 31))


class NumbersRead(BaseModel):
    """Defined in docs/mentorships.md."""

    suggested: int = Field(description="Own mentees whose list had its first mentor")
    asked: int
    accepted: int
    began: int
    agreed: int
    met_within_30_days: int
    together_after_90_days: int
    ended_well: int
    unanswered: Mapping[str, int] = Field(description="Pending requests by age in days; cells under 5 are missing")
    silent: int
    days_to_first_meeting: float | None = Field(description="The median; null while fewer than 5 have met")
    meetings_agreed: int | None = Field(
        description="Those that are over; null for fewer than 5 mentorships with meetings"
    )
    meetings_held: int | None = Field(description="Of these")
    reasons: Mapping[str, int] = Field(description="Ended mentorships by reason; cells under 5 are missing")


def numbers_router(numbers: NumbersUseCases) -> APIRouter:
    routes = router(tags=["numbers"])

    @routes.get("/programmes/{programme}/numbers", responses=problems(403, 404, 422))
    async def numbers_of_programme(programme: Id, me: SignedIn, *, first: From = None, to: To = None) -> NumbersRead:
        """For a coordinator: of mentorships with a member of their institution that began in this time."""
        return _read(await numbers.of_programme(me, programme, _span(first, to)))

    @routes.get("/programmes/{programme}/numbers.csv", response_class=Response, responses=problems(403, 404, 422))
    async def numbers_as_csv(programme: Id, me: SignedIn, *, first: From = None, to: To = None) -> Response:
        """The same, a line for each number."""
        found = await numbers.of_programme(me, programme, _span(first, to))
        return Response(_csv(_read(found)), media_type="text/csv; charset=utf-8")

    return routes


def _span(first: date | None, last: date | None) -> Span:
    """Half-years only: the difference of two other spans could show a group of few."""
    if first is not None and (first.month, first.day) not in _FIRST_DAYS:
        error = FieldError("from", "must be the first day of a half-year: 1 January or 1 July")
        raise Rejected("query_invalid", "numbers are shown by half-years", (error,))
    if last is not None and (last.month, last.day) not in _LAST_DAYS:
        error = FieldError("to", "must be the last day of a half-year: 30 June or 31 December")
        raise Rejected("query_invalid", "numbers are shown by half-years", (error,))
    if first is not None and last is not None and last < first:
        error = FieldError("to", "must not be before `from`")
        raise Rejected("query_invalid", "the time ends before it begins", (error,))
    end = _beginning(last) + timedelta(days=1) if last is not None and last < date.max else None
    return Span(begin=_beginning(first) if first else None, end=end)


def _beginning(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _read(numbers: Numbers) -> NumbersRead:
    return NumbersRead(**{name: getattr(numbers, name) for name in NumbersRead.model_fields})


def _csv(numbers: NumbersRead) -> str:
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(("number", "value"))
    writer.writerows(_lines(numbers))
    return written.getvalue()


def _lines(numbers: NumbersRead) -> Iterator[tuple[str, object]]:
    for name, value in numbers.model_dump().items():
        if isinstance(value, dict):
            yield from ((f"{name}.{part}", count) for part, count in value.items())
        else:
            yield name, "" if value is None else value
