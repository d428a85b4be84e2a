"""What the API shows of a member to the coordinator and to the person."""

from typing import Any

from pydantic import BaseModel

from services.profiles.kernel.domain.aggregate import Versioned
from services.profiles.members.domain.members import Member, StoryAudience
from services.profiles.members.usecases import is_self
from shared.contracts.profiles import Enrolment, Factor, Format, Stage, Status, Style
from shared.principal import Principal
from shared.scope import Scope


class MemberView(BaseModel):
    """For the coordinator: without the person's private fields."""

    id: str
    institution: str
    version: int
    name: str
    title: str
    cohort: str
    email: str
    locale: str
    external_id: str | None
    affiliations: tuple[str, ...]
    awaiting_affiliations: tuple[str, ...]
    """Institutions in `affiliations` that have not agreed: they do not count yet."""
    status: Status
    paused: bool
    enrolments: tuple[Enrolment, ...]
    stage: Stage | None
    specialty: str | None
    topics_offered: tuple[str, ...]
    topics_wanted: tuple[str, ...]
    languages: tuple[str, ...]
    formats: tuple[Format, ...]
    time_zone: str
    hours_per_month: int
    capacity: int
    least_group: int
    mentors_wanted: int
    style: Style | None
    available: tuple[str, ...]
    reverse_mentoring: bool
    principles: str
    across_institutions: bool
    has_sign_in: bool


class OwnView(MemberView):
    never: tuple[str, ...]
    weights: dict[Factor, int]
    topics_most_wanted: tuple[str, ...]
    identity: tuple[str, ...]
    wishes_shared_identity: bool
    story: str
    story_shown_to: StoryAudience
    pronouns: str
    shares_email: bool


def _values(found: Versioned[Member], view: type[MemberView]) -> dict[str, Any]:
    member = found.state
    own = {"version": found.version, "has_sign_in": member.subject_hash is not None}
    return own | {name: getattr(member, name) for name in view.model_fields if name not in own}


def own_view(found: Versioned[Member]) -> OwnView:
    return OwnView(**_values(found, OwnView))


def member_view(found: Versioned[Member], scope: Scope) -> MemberView:
    """With enrolments in scope only: the reader must not learn of the member's other programmes."""
    enrolments = tuple(enrolment for enrolment in found.state.enrolments if scope.covers(enrolment.programme))
    return MemberView(**{**_values(found, MemberView), "enrolments": enrolments})


def view_for(me: Principal, found: Versioned[Member]) -> OwnView | MemberView:
    return own_view(found) if is_self(me, found.state) else member_view(found, me.scope)
