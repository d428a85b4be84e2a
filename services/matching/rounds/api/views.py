"""Bodies and answers of the rounds' routes, and their conversion from and to the domain."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.matching.mentoring.api.requests import PartyRead, party
from services.matching.projections.lookup.api import named, require_one_name
from services.matching.rounds.domain.assignments import Place, PlaceState
from services.matching.rounds.domain.lifecycle import File, Round, RoundState, Solved
from services.matching.rounds.domain.orders import Choice, NamedCouple, NamedOrders
from services.matching.rounds.solver.files import Compared, Target
from services.matching.rounds.solver.floors import unreached
from services.matching.rounds.solver.words import would_change
from services.matching.rounds.usecases.rounds import Waiting
from shared.contracts.payload import Id
from shared.identifiers import Email, ExternalId

_MOST_ORDERS = 20_000


class Given(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MenteesWishes(Given):
    mentee: Id
    mentors: list[Id] = Field(min_length=1, max_length=20, description="The first choice first")


class MentorsWishes(Given):
    mentor: Id
    mentees: list[Id] = Field(min_length=1, max_length=1000, description="The first choice first")


class Couple(Given):
    """Each of the two by member id, or by an identifier of the own institution."""

    mentee: Id | None = None
    mentee_external_id: ExternalId | None = Field(default=None, description="Staff number")
    mentee_email: Email | None = None
    mentor: Id | None = None
    mentor_external_id: ExternalId | None = Field(default=None, description="Staff number")
    mentor_email: Email | None = None

    @model_validator(mode="after")
    def _is_named_once(self) -> Self:
        return require_one_name(self, "mentee", "mentor")

    @property
    def named(self) -> NamedCouple:
        return named(self, "mentee"), named(self, "mentor")


class NewRound(Given):
    model_config = ConfigDict(
        json_schema_extra={
            "example": {"target": "coverage", "wishes": [{"mentee": "0190a8f0-a", "mentors": ["0190a8f0-m"]}]}
        }
    )

    target: Target = Field(default="fit", description="The result has the figures of both")
    list_length: int = Field(default=20, ge=1, le=20, description="Stability is claimed for lists of this length")
    score_band: int = Field(
        default=0, ge=0, le=1_000_000, description="Mentors rank by bands of score of this width; 0: by exact scores"
    )
    compare: bool = Field(default=True, description="False: figures of the chosen target only, in half the time")
    wishes: list[MenteesWishes] = Field(default=[], max_length=_MOST_ORDERS)
    mentor_wishes: list[MentorsWishes] = Field(default=[], max_length=_MOST_ORDERS)
    pins: list[Couple] = Field(default=[], max_length=_MOST_ORDERS, description="Pairs to fix: no rule may forbid them")
    exclusions: list[Couple] = Field(
        default=[], max_length=_MOST_ORDERS, description="Pairs to keep apart in this round"
    )


class ChosenTarget(Given):
    model_config = ConfigDict(json_schema_extra={"example": {"target": "coverage"}})

    target: Target


class FileRead(BaseModel):
    bytes: int
    sha256: str


class TroubleRead(BaseModel):
    code: str
    detail: str
    errors: list[dict[str, str]]


class FloorRead(BaseModel):
    """A floor that the round would leave unreached. Counts of fewer than five seats between two other institutions are
    left out.
    """

    mentee_institution: str
    mentor_institution: str
    floor: int = Field(description="Seats that the mentors' institution means to give, in all programmes")
    given: int | None = Field(default=None, description="Seats given when the participants were frozen")
    after: Mapping[Target, int] = Field(
        description="Seats given if the round were published, by target that was solved"
    )


class ClosedMentorRead(BaseModel):
    mentor: PartyRead
    least_group: int
    would_come: int = Field(description="Mentees who prefer this mentor to what the round gives them")


class RoundRead(BaseModel):
    """`figures` has both targets side by side; `policy_sha256`, `solver` and the files' hashes are the ledger."""

    id: str
    programme: str
    target: Target
    state: RoundState
    list_length: int
    score_band: int
    opened_at: datetime
    frozen_at: datetime | None = None
    published_at: datetime | None = None
    mentees: int | None = None
    mentors: int | None = None
    places: Mapping[PlaceState, int] | None = Field(default=None, description="The number of places, by state")
    figures: Compared | None = None
    floors_unreached: list[FloorRead] | None = Field(default=None, description="Under either target; none is enforced")
    closed_mentors: list[ClosedMentorRead] | None = Field(
        default=None, description="They get nobody, because fewer mentees than their minimum group size would come"
    )
    policy_sha256: str | None = None
    solver: str | None = None
    input: FileRead | None = None
    result: FileRead | None = None
    trouble: TroubleRead | None = Field(default=None, description="Why the round was dropped automatically")


class OpeningRead(BaseModel):
    mentor: PartyRead
    seats: int = Field(description="With so many more seats at this mentor the outcome changes: see docs/rounds.md")


class PlaceRead(BaseModel):
    place: str
    mentee: PartyRead
    mentor: PartyRead | None = None
    choice: int | None = Field(default=None, description="1 for a first choice")
    pinned: bool
    turn: int = Field(description="2 for the mentee's second mentor by this round")
    state: PlaceState
    reason: str | None = None
    relationship: str | None = None


class WaitingRead(BaseModel):
    position: int
    mentee: PartyRead
    state: PlaceState
    reason: str
    waiting_since: datetime
    would_change: str = Field(description="A text for the mentee")
    opens: list[OpeningRead]


class OwnPlaceRead(BaseModel):
    """`state` is `opened` (the mentee has a mentor), `lapsed` or `unmatched`."""

    round: str
    programme: str
    state: PlaceState
    reason: str | None = None
    relationship: str | None = None
    position: int | None = Field(default=None, description="On the waiting list, while the mentee waits")
    waiting_since: datetime | None = None
    would_change: str | None = None


def orders_of(body: NewRound) -> NamedOrders:
    return NamedOrders(
        wishes=tuple(Choice(member=wish.mentee, choices=tuple(wish.mentors)) for wish in body.wishes),
        mentor_wishes=tuple(Choice(member=wish.mentor, choices=tuple(wish.mentees)) for wish in body.mentor_wishes),
        pins=tuple(couple.named for couple in body.pins),
        exclusions=tuple(couple.named for couple in body.exclusions),
    )


def round_read(round: Round, *, places: Mapping[PlaceState, int] | None = None) -> RoundRead:
    frozen, solved, trouble = round.frozen, round.solved, round.trouble
    return RoundRead(
        id=round.id,
        programme=round.programme,
        target=round.target,
        state=round.state,
        list_length=round.list_length,
        score_band=round.score_band,
        opened_at=round.began_at,
        frozen_at=frozen.at if frozen else None,
        published_at=round.published_at,
        mentees=frozen.mentees if frozen else None,
        mentors=frozen.mentors if frozen else None,
        places=places,
        figures=solved.figures if solved else None,
        floors_unreached=_floors_read(round) if solved else None,
        closed_mentors=_closed_read(solved) if solved and solved.closed else None,
        policy_sha256=frozen.policy_sha256 if frozen else None,
        solver=solved.solver if solved else None,
        input=_file(solved.input) if solved else None,
        result=_file(solved.result) if solved else None,
        trouble=TroubleRead(
            code=trouble.code,
            detail=trouble.message,
            errors=[{"field": error.field, "message": error.message} for error in trouble.errors],
        )
        if trouble
        else None,
    )


def _floors_read(round: Round) -> list[FloorRead]:
    if round.frozen is None or round.solved is None:
        return []
    return [
        FloorRead(
            mentee_institution=floor.mentee_institution,
            mentor_institution=floor.mentor_institution,
            floor=floor.floor,
            given=floor.given,
            after={target: given for target, given in floor.after.items() if given is not None},
        )
        for floor in unreached(round.frozen.floors, round.solved.figures, reader=round.institution)
    ]


def _closed_read(solved: Solved) -> list[ClosedMentorRead]:
    return [
        ClosedMentorRead(mentor=party(closed.mentor), least_group=closed.least_group, would_come=closed.would_come)
        for closed in solved.closed
    ]


def _file(file: File) -> FileRead:
    return FileRead(bytes=file.size, sha256=file.sha256)


def place_read(place: Place) -> PlaceRead:
    return PlaceRead(
        place=place.id,
        mentee=party(place.mentee),
        mentor=party(place.mentor) if place.mentor else None,
        choice=place.choice,
        pinned=place.is_pinned,
        turn=place.turn,
        state=place.state,
        reason=place.reason,
        relationship=place.relationship,
    )


def waiting_read(waiting: Waiting) -> WaitingRead:
    place = waiting.place
    return WaitingRead(
        position=waiting.position,
        mentee=party(place.mentee),
        state=place.state,
        reason=place.reason or "",
        waiting_since=place.waiting_since,
        would_change=would_change(place),
        opens=[OpeningRead(mentor=party(opening.mentor), seats=opening.seats) for opening in place.opens],
    )


def own_read(waiting: Waiting) -> OwnPlaceRead:
    place, waits = waiting.place, waiting.place.waits
    return OwnPlaceRead(
        round=place.round,
        programme=place.programme,
        state=place.state,
        reason=place.published_reason,
        relationship=place.relationship,
        position=waiting.position if waits else None,
        waiting_since=place.waiting_since if waits else None,
        would_change=would_change(place) if waits else None,
    )
