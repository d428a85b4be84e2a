"""A member: one person, one id, one registering institution, which never changes. Facts follow from the state."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from services.profiles.kernel.domain.weights import split_weights
from services.profiles.members.domain.profile import INSTITUTION_ONLY, PERSON_ONLY
from shared.contracts.payload import Payload
from shared.contracts.profiles import (
    ContactChanged,
    Enrolment,
    Factor,
    Format,
    MemberChanged,
    MentoringProfileChanged,
    PreferencesChanged,
    Stage,
    Status,
    Style,
)
from shared.errors import Conflict, FieldError, Rejected
from shared.identifiers import IdentifierKind, identifier_digest

StoryAudience = Literal["nobody", "matched", "suggested"]
"""`suggested`: also members who are suggested, ask or are asked, in other institutions too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    id: str
    institution: str
    name: str
    title: str = ""
    cohort: str = ""
    email: str
    locale: str = "en"
    external_id: str | None = None
    affiliations: tuple[str, ...] = ()
    """Institutions that the member's own institution names; each counts once it has agreed."""
    agreed_affiliations: tuple[str, ...] = ()
    declined_affiliations: tuple[str, ...] = ()
    status: Status = "active"
    paused: bool = False
    enrolments: tuple[Enrolment, ...] = ()
    stage: Stage | None = None
    specialty: str | None = None
    topics_offered: tuple[str, ...] = ()
    topics_wanted: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    formats: tuple[Format, ...] = ()
    time_zone: str = "UTC"
    hours_per_month: int = 0
    capacity: int = 0
    least_group: int = 0
    """As a mentor: a round gives at least so many mentees, or none."""
    mentors_wanted: int = 1
    """As a mentee: mentors at a time, in each programme."""
    style: Style | None = None
    available: tuple[str, ...] = ()
    reverse_mentoring: bool = False
    principles: str = ""
    across_institutions: bool = False
    never: tuple[str, ...] = ()
    weights: Mapping[Factor, int] = field(default_factory=dict)
    topics_most_wanted: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()
    wishes_shared_identity: bool = False
    story: str = ""
    story_shown_to: StoryAudience = "nobody"
    pronouns: str = ""
    shares_email: bool = False
    subject_hash: str | None = None
    """The person's sign-in, once they have accepted an invitation."""
    imported: Mapping[str, Any] = field(default_factory=dict)
    """Each field's value in the last roster: a value that differs was edited by the person or a coordinator."""

    @property
    def full_name(self) -> str:
        """With the title, as cards show it."""
        return f"{self.title} {self.name}".strip()

    @property
    def awaiting_affiliations(self) -> tuple[str, ...]:
        return tuple(institution for institution in self.affiliations if institution not in self.agreed_affiliations)

    @property
    def programmes(self) -> frozenset[str]:
        return frozenset(enrolment.programme for enrolment in self.enrolments)


def register(*, id: str, institution: str, given: Mapping[str, Any]) -> Member:
    """By a coordinator or a roster, never by the person. Raises `Rejected` for fields that only the person may set."""
    _refuse(given, PERSON_ONLY, "person_only", "can be entered only by the person")
    return Member(id=id, institution=institution, **given)


def change_as_institution(member: Member, given: Mapping[str, Any]) -> Member:
    _refuse(given, PERSON_ONLY, "person_only", "can be entered only by the person")
    return with_answers_kept(replace(member, **given))


def with_answers_kept(member: Member) -> Member:
    """Drops answers of institutions that are no longer named: if named again later, they are asked again."""
    return replace(
        member,
        agreed_affiliations=tuple(name for name in member.affiliations if name in member.agreed_affiliations),
        declined_affiliations=tuple(name for name in member.affiliations if name in member.declined_affiliations),
    )


def answer_affiliation(member: Member, institution: str, *, agrees: bool) -> Member:
    """The named institution's answer; it may change its answer later."""
    agreed = {*member.agreed_affiliations, institution} if agrees else {*member.agreed_affiliations} - {institution}
    declined = (
        {*member.declined_affiliations} - {institution} if agrees else {*member.declined_affiliations, institution}
    )
    return with_answers_kept(replace(member, agreed_affiliations=tuple(agreed), declined_affiliations=tuple(declined)))


def change_as_person(member: Member, given: Mapping[str, Any]) -> Member:
    _refuse(given, INSTITUTION_ONLY, "institution_only", "is entered by the institution's coordinator only")
    if member.id in given.get("never", ()):
        raise Rejected(
            "member_invalid",
            "the member was not saved: see errors",
            (FieldError("never", "must not name the member themselves"),),
        )
    return replace(member, **given)


def bind(member: Member, subject_hash: str) -> Member:
    if member.status != "active":
        raise Conflict("member_inactive", "this profile is not active: ask the coordinator to reactivate it")
    if member.subject_hash is not None:
        raise Conflict("member_bound", "this profile already has a sign-in: ask the coordinator if it is not yours")
    return replace(member, subject_hash=subject_hash)


def unbind(member: Member) -> Member:
    """The person can be invited again. What they entered stays."""
    return replace(member, subject_hash=None)


def pause(member: Member) -> Member:
    return replace(member, paused=True)


def resume(member: Member) -> Member:
    return replace(member, paused=False)


def deactivate(member: Member) -> Member:
    return replace(member, status="inactive")


def reactivate(member: Member) -> Member:
    return replace(member, status="active")


def facts(member: Member) -> tuple[Payload, ...]:
    """The member's whole state, as each audience may know it."""
    return (_public(member), _preferences(member), _contact(member), _mentoring_profile(member))


def _refuse(given: Mapping[str, Any], fields: frozenset[str], code: str, why: str) -> None:
    named = sorted(fields & set(given))
    if named:
        raise Rejected(code, f"{', '.join(named)} {why}", tuple(FieldError(name, why) for name in named))


def _public(member: Member) -> MemberChanged:
    return MemberChanged(
        member=member.id,
        institution=member.institution,
        affiliations=member.agreed_affiliations,
        status=member.status,
        paused=member.paused,
        enrolments=member.enrolments,
        stage=member.stage,
        specialty=member.specialty,
        topics_offered=member.topics_offered,
        topics_wanted=member.topics_wanted,
        languages=member.languages,
        formats=member.formats,
        time_zone=member.time_zone,
        hours_per_month=member.hours_per_month,
        capacity=member.capacity,
        least_group=member.least_group,
        mentors_wanted=member.mentors_wanted,
        style=member.style,
        available=member.available,
        reverse_mentoring=member.reverse_mentoring,
        across_institutions=member.across_institutions,
    )


def _preferences(member: Member) -> PreferencesChanged:
    weights, further_weights = split_weights(member.weights)
    return PreferencesChanged(
        member=member.id,
        institution=member.institution,
        never=member.never,
        weights=weights,
        further_weights=further_weights,
        topics_most_wanted=member.topics_most_wanted,
        identity=member.identity,
        wishes_shared_identity=member.wishes_shared_identity,
        subject_hash=member.subject_hash,
        external_id_digest=_digest(member, "external_id", member.external_id),
        email_digest=_digest(member, "email", member.email),
    )


def _digest(member: Member, kind: IdentifierKind, value: str | None) -> str | None:
    return identifier_digest(institution=member.institution, kind=kind, value=value) if value else None


def _contact(member: Member) -> ContactChanged:
    return ContactChanged(
        member=member.id,
        institution=member.institution,
        name=member.name,
        email=member.email,
        locale=member.locale,
        time_zone=member.time_zone,
        subject_hash=member.subject_hash,
        status=member.status,
    )


def _mentoring_profile(member: Member) -> MentoringProfileChanged:
    return MentoringProfileChanged(
        member=member.id,
        institution=member.institution,
        name=member.name,
        locale=member.locale,
        time_zone=member.time_zone,
        stage=member.stage,
        principles=member.principles,
        subject_hash=member.subject_hash,
        status=member.status,
    )
