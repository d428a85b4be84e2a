"""Bodies and answers of the routes of agreements."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from services.mentorships.agreements.domain.agreements import Possible
from services.mentorships.agreements.domain.clauses import (
    CLAUSES,
    MAX_CLAUSE_LENGTH,
    MAX_INTERVAL_DAYS,
    MAX_LENGTH_MONTHS,
    ClauseName,
    Language,
    Terms,
    Texts,
)
from services.mentorships.agreements.domain.differences import Kind
from services.mentorships.agreements.domain.states import Agreement, State, Version
from services.mentorships.agreements.domain.templates import AgreementTemplate
from services.mentorships.agreements.usecases.agreements import AgreementView, Comparison, Written
from services.mentorships.kernel.pairs import Side
from shared.text import Text

ClauseText = Annotated[Text, Field(max_length=MAX_CLAUSE_LENGTH)]
IntervalDays = Annotated[int, Field(ge=1, le=MAX_INTERVAL_DAYS, description="How often the two meet")]
LengthMonths = Annotated[int, Field(ge=1, le=MAX_LENGTH_MONTHS, description="How long the mentorship lasts")]
_EXAMPLE_TERMS: JsonDict = {"interval_days": 30, "length_months": 12, "review_on": "2027-03-01"}
_EXAMPLE_CLAUSES: JsonDict = {
    "goals": "Publish a first paper, and find a field for the residency.",
    "meetings": "First Friday of the month, in the café.",
    "confidentiality": "What we say stays between us.",
    "ending": "Either may end it at any time.",
    "disputes": "We talk to each other first, then to the coordinator.",
    "review": "After three months we look at this together.",
}


class Drafting(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"language": "en"}})

    language: Language | None = Field(default=None, description="Of the template; without it, the caller's own")


class TermsBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    interval_days: IntervalDays
    length_months: LengthMonths
    review_on: date = Field(description="When the two look at the agreement again: after today, within two years")
    starts_again: bool = Field(
        default=False,
        description="An extension: the length counts from the day on which both have signed. Otherwise the period "
        "in force continues, longer or shorter by the difference",
    )

    def terms(self) -> Terms:
        return Terms(**self.model_dump())


class ClausesBody(BaseModel):
    """A clause that is left out stays as it is; an empty text removes it."""

    model_config = ConfigDict(extra="forbid")

    goals: ClauseText | None = None
    meetings: ClauseText | None = None
    confidentiality: ClauseText | None = None
    ending: ClauseText | None = None
    disputes: ClauseText | None = None
    review: ClauseText | None = None
    principles: ClauseText | None = Field(default=None, description="Changed by the mentor only")

    def texts(self) -> Texts:
        given: dict[ClauseName, Any] = {name: getattr(self, name) for name in CLAUSES}
        return {name: text for name, text in given.items() if text is not None}


class ProposalBody(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"clauses": _EXAMPLE_CLAUSES, "terms": _EXAMPLE_TERMS}}
    )

    clauses: ClausesBody
    terms: TermsBody


class TemplateTexts(BaseModel):
    model_config = ConfigDict(extra="forbid")

    goals: ClauseText
    meetings: ClauseText
    confidentiality: ClauseText
    ending: ClauseText
    disputes: ClauseText
    review: ClauseText


class TemplateBody(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "interval_days": 30,
                "length_months": 12,
                "review_months": 3,
                "texts": {"en": _EXAMPLE_CLAUSES},
            }
        },
    )

    interval_days: IntervalDays
    length_months: LengthMonths
    review_months: Annotated[int, Field(ge=1, le=MAX_LENGTH_MONTHS, description="Months until the first review date")]
    texts: Mapping[Language, TemplateTexts] = Field(
        min_length=1, max_length=len(get_args(Language)), description="By language, in one at least"
    )

    @model_validator(mode="after")
    def _within_the_length(self) -> Self:
        if self.review_months > self.length_months:
            raise ValueError("`review_months` must not be larger than `length_months`")
        return self

    def template(self, programme: str) -> AgreementTemplate:
        fields = self.model_dump()
        return AgreementTemplate(programme=programme, institution="", **fields)


class TemplateRead(BaseModel):
    programme: str
    interval_days: IntervalDays
    length_months: LengthMonths
    review_months: int
    texts: Mapping[Language, TemplateTexts]


class TermsRead(BaseModel):
    interval_days: int
    length_months: int
    review_on: date
    starts_again: bool


class VersionRead(BaseModel):
    number: int
    by: Side = Field(description="Who proposed it")
    proposed_at: datetime
    language: Language
    terms: TermsRead
    changes: Sequence[str] = Field(description="The clauses and terms that differ from the version before")
    mentee_signed_at: datetime | None = None
    mentor_signed_at: datetime | None = None
    withdrawn_at: datetime | None = Field(default=None, description="When its proposer withdrew it")
    in_force_since: datetime | None = Field(default=None, description="When both had signed it")


class VersionWithClauses(VersionRead):
    clauses: Mapping[ClauseName, str]


class AgreementRead(BaseModel):
    mentorship: str
    state: State
    in_force: VersionWithClauses | None = Field(default=None, description="The version that both signed last")
    proposal: VersionWithClauses | None = Field(default=None, description="A newer version that both have yet to sign")
    reverse: str | None = Field(
        default=None, description="The open mentorship of the same two people with the roles reversed"
    )
    possible: Sequence[Possible] = Field(description="What you can do")


class VersionsRead(BaseModel):
    items: Sequence[VersionRead] = Field(description="The newest first")


class PieceRead(BaseModel):
    kind: Kind
    text: str


class ClauseDifferenceRead(BaseModel):
    clause: ClauseName
    pieces: Sequence[PieceRead] = Field(
        description="`same` and `removed` make the earlier text, `same` and `added` the later"
    )


class DifferenceRead(BaseModel):
    before: VersionRead
    after: VersionRead
    clauses: Sequence[ClauseDifferenceRead] = Field(description="Those that differ")


def agreement_read(view: AgreementView) -> AgreementRead:
    agreement: Agreement = view.agreement
    return AgreementRead(
        mentorship=agreement.mentorship,
        state=agreement.state,
        in_force=written_read(view.in_force) if view.in_force else None,
        proposal=written_read(view.proposal) if view.proposal else None,
        reverse=view.reverse,
        possible=view.possible,
    )


def written_read(written: Written) -> VersionWithClauses:
    clauses = {name: written.clauses[name].text for name in CLAUSES if name in written.clauses}
    return VersionWithClauses(clauses=clauses, **_fields(written.version))


def version_read(version: Version) -> VersionRead:
    return VersionRead(**_fields(version))


def difference_read(compared: Comparison) -> DifferenceRead:
    return DifferenceRead(
        before=version_read(compared.before),
        after=version_read(compared.after),
        clauses=[
            ClauseDifferenceRead(
                clause=changed.clause, pieces=[PieceRead(kind=piece.kind, text=piece.text) for piece in changed.pieces]
            )
            for changed in compared.clauses
        ],
    )


def template_read(template: AgreementTemplate) -> TemplateRead:
    return TemplateRead(
        programme=template.programme,
        interval_days=template.interval_days,
        length_months=template.length_months,
        review_months=template.review_months,
        texts={language: TemplateTexts.model_validate(texts) for language, texts in template.texts.items()},
    )


def _fields(version: Version) -> dict[str, Any]:
    terms = version.terms
    return {
        "number": version.number,
        "by": version.by,
        "proposed_at": version.proposed_at,
        "language": version.language,
        "terms": TermsRead(
            interval_days=terms.interval_days,
            length_months=terms.length_months,
            review_on=terms.review_on,
            starts_again=terms.starts_again,
        ),
        "changes": version.changes,
        "mentee_signed_at": version.mentee_signed_at,
        "mentor_signed_at": version.mentor_signed_at,
        "withdrawn_at": version.withdrawn_at,
        "in_force_since": version.in_force_since,
    }
