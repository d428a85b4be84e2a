"""What people send and read about meetings."""

from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AnyUrl, BaseModel, ConfigDict, Field, NaiveDatetime, UrlConstraints

from services.mentorships.kernel.pairs import Side
from services.mentorships.meetings.domain.occurrences import Changes, Occurrence, between, from_then_on, local
from services.mentorships.meetings.domain.plans import (
    LEAST_MINUTES,
    MOST_MINUTES,
    MOST_RULE_CHARACTERS,
    MOST_SKIPPED,
    Plan,
    Wanted,
)
from services.mentorships.meetings.domain.states import ANSWER_TIME, DutyReason, Possible, Skip, State
from services.mentorships.meetings.domain.zones import instant
from services.mentorships.meetings.usecases import Seen
from shared.text import Line

_SHOWN = 5
RECORDABLE = timedelta(days=60)
"""How far back meetings are listed."""
_YEARS = (2020, 2100)
Status = Literal["planned", "unrecorded", "held", "missed", "unknown"]


def _without_credentials(url: AnyUrl) -> AnyUrl:
    if url.username or url.password:
        raise ValueError("must not contain a user name or password")
    return url


Link = Annotated[
    AnyUrl,
    UrlConstraints(max_length=500, allowed_schemes=["http", "https"], host_required=True),
    AfterValidator(_without_credentials),
]


def _in_this_century(local: datetime) -> datetime:
    if not _YEARS[0] <= local.year <= _YEARS[1]:
        raise ValueError(f"must be in the years {_YEARS[0]} to {_YEARS[1]}")
    return local


LocalTime = Annotated[NaiveDatetime, AfterValidator(_in_this_century)]


class PlanBody(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "starts": "2027-01-01T17:00",
                "zone": "Europe/Berlin",
                "minutes": 45,
                "rule": "FREQ=MONTHLY;BYDAY=1FR",
                "place": "Library café",
            }
        },
    )

    starts: LocalTime = Field(description="The first meeting, as clocks show it in `zone`; a date of the rule")
    zone: str = Field(max_length=64, description="IANA time zone in which the meetings keep their time of day")
    minutes: int = Field(ge=LEAST_MINUTES, le=MOST_MINUTES)
    rule: str = Field(
        default="",
        max_length=MOST_RULE_CHARACTERS,
        description="RFC 5545 recurrence rule, by days, weeks, months or years; empty for a single meeting",
    )
    skipped: list[date] = Field(default=[], max_length=MOST_SKIPPED, description="Dates of the rule to leave out")
    place: Annotated[Line, Field(max_length=200)] = ""
    link: Link | None = Field(default=None, description="Of a call: http or https")

    def wanted(self) -> Wanted:
        return Wanted(
            starts=self.starts,
            zone=self.zone,
            minutes=self.minutes,
            rule=self.rule,
            skipped=self.skipped,
            place=self.place,
            link=str(self.link) if self.link else "",
        )


class Move(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"starts": "2027-02-08T17:00"}})

    starts: LocalTime = Field(description="As clocks show it in the series' zone")


class PlanRead(BaseModel):
    starts: str = Field(description="Local time in `zone`")
    zone: str
    minutes: int
    rule: str
    skipped: list[str] = Field(description="Ids of meetings that are left out")
    place: str
    link: str


class ProposalRead(BaseModel):
    by: Side
    plan: PlanRead
    coming: list["MeetingRead"] = Field(description="The first meetings that it would bring")


class MeetingRead(BaseModel):
    id: str = Field(description="Where the rule has it: the local time in the series' zone")
    starts_at: datetime
    ends_at: datetime
    local_starts: str = Field(description="What the reader's clocks show")
    zone: str = Field(description="The reader's time zone, from their profile")
    is_moved: bool
    status: Status = Field(
        description="`unrecorded`: over, and nobody has said whether it was held; `unknown`: the same after seven days"
    )


class SkipRead(BaseModel):
    id: str
    side: Side = Field(description="Who is on duty")
    reason: DutyReason = Field(description="`after_night`: a night duty, or the rest after it")
    instead: str | None = Field(default=None, description="A local time that suits both: move the meeting there")


class SeriesRead(BaseModel):
    id: str
    mentorship: str
    state: State
    sequence: int = Field(description="Rises with each change that calendars show")
    plan: PlanRead | None = Field(default=None, description="What both agreed on")
    proposal: ProposalRead | None = Field(default=None, description="Needs the agreement of the other side")
    coming: list[MeetingRead] = Field(description="The next agreed meetings")
    skipped_by_duty: list[SkipRead] = Field(description="Coming meetings that a duty of one of the two leaves out")
    unrecorded: list[MeetingRead] = Field(
        description="Meetings of the last 60 days of which nobody has said whether they were held, the latest first"
    )
    reason: str | None = Field(default=None, description="Why the series is cancelled: a code")
    possible: list[Possible] = Field(description="What you can do in this state")


def series_read(seen: Seen) -> SeriesRead:
    series = seen.series
    shows_coming = series.plan is not None and series.state == "agreed"
    return SeriesRead(
        id=series.id,
        mentorship=series.mentorship,
        state=series.state,
        sequence=series.sequence,
        plan=plan_read(series.plan) if series.plan is not None else None,
        proposal=_proposal_read(seen),
        coming=_first(seen, series.in_force, series.changes) if shows_coming else [],
        skipped_by_duty=[_skip_read(id, skip) for id, skip in sorted(_coming_skips(seen))],
        unrecorded=_unrecorded(seen),
        reason=series.reason,
        possible=list(series.possible(seen.side)),
    )


def meetings_read(seen: Seen, begin: datetime, end: datetime) -> list[MeetingRead]:
    """Those that begin in this window: of a suspended or cancelled series, only those before that."""
    series = seen.series
    if series.plan is None:
        return []
    if series.state != "agreed":
        end = min(end, series.suspended_at or series.changed_at)
    found = between(series.plan, series.changes, begin, end)
    return [_meeting_read(seen, series.plan, occurrence) for occurrence in found]


def _coming_skips(seen: Seen) -> list[tuple[str, Skip]]:
    series = seen.series
    if series.state != "agreed" or series.plan is None:
        return []
    zone = series.plan.zone
    return [(id, skip) for id, skip in series.skips.items() if instant(local(id), zone) > seen.now]


def _skip_read(id: str, skip: Skip) -> SkipRead:
    return SkipRead(id=id, side=skip.side, reason=skip.reason, instead=skip.instead)


def _unrecorded(seen: Seen) -> list[MeetingRead]:
    if "record" not in seen.series.possible(seen.side):
        return []
    begun = meetings_read(seen, seen.now - RECORDABLE, seen.now)
    return [meeting for meeting in reversed(begun) if meeting.status in ("planned", "unrecorded", "unknown")]


def _proposal_read(seen: Seen) -> ProposalRead | None:
    proposal = seen.series.proposal
    if proposal is None:
        return None
    return ProposalRead(by=proposal.by, plan=plan_read(proposal.plan), coming=_first(seen, proposal.plan, {}))


def _first(seen: Seen, plan: Plan, changes: Changes) -> list[MeetingRead]:
    coming = from_then_on(plan, changes, seen.now)
    return [_meeting_read(seen, plan, occurrence) for occurrence, _ in zip(coming, range(_SHOWN), strict=False)]


def plan_read(plan: Plan) -> PlanRead:
    return PlanRead(
        starts=plan.starts,
        zone=plan.zone,
        minutes=plan.minutes,
        rule=plan.rule,
        skipped=list(plan.skipped),
        place=plan.place,
        link=plan.link,
    )


def _meeting_read(seen: Seen, plan: Plan, occurrence: Occurrence) -> MeetingRead:
    starts_here = occurrence.starts_at.astimezone(ZoneInfo(seen.zone))
    return MeetingRead(
        id=occurrence.id,
        starts_at=occurrence.starts_at,
        ends_at=occurrence.starts_at + timedelta(minutes=plan.minutes),
        local_starts=starts_here.strftime("%Y-%m-%dT%H:%M"),
        zone=seen.zone,
        is_moved=occurrence.is_moved,
        status=_status(seen, plan, occurrence),
    )


def _status(seen: Seen, plan: Plan, occurrence: Occurrence) -> Status:
    known = seen.series.outcomes.get(occurrence.id)
    if known is not None:
        return known
    ends_at = occurrence.starts_at + plan.length
    if ends_at > seen.now:
        return "planned"
    return "unrecorded" if ends_at + ANSWER_TIME > seen.now else "unknown"
