"""A member's decisions and their events."""

import pytest
from pydantic import ValidationError

from services.profiles.kernel.domain.aggregate import Versioned, changed_facts
from services.profiles.members.domain import members
from services.profiles.members.domain.members import Member
from services.profiles.members.domain.profile import FullProfile, Profile
from services.profiles.programmes.api import ProgrammePatch
from shared.contracts.profiles import (
    ContactChanged,
    Enrolment,
    MemberChanged,
    MentoringProfileChanged,
    PreferencesChanged,
)
from shared.errors import Conflict, Rejected, StaleVersion


def ada(**fields: object) -> Member:
    return Member(**{"id": "ada", "institution": "here", "name": "Ada", "email": "ada@example.org", **fields})  # type: ignore[arg-type]


def kinds(before: Member, after: Member) -> list[type]:
    return [type(fact) for fact in changed_facts(members.facts(before), members.facts(after))]


def test_a_change_is_published_to_its_audience_only() -> None:
    assert kinds(ada(), ada(capacity=2)) == [MemberChanged]
    assert kinds(ada(), ada(never=("bob",))) == [PreferencesChanged]
    assert kinds(ada(), ada(name="Ada L.")) == [ContactChanged, MentoringProfileChanged]
    assert kinds(ada(), ada(time_zone="Europe/Vienna")) == [MemberChanged, ContactChanged, MentoringProfileChanged]
    assert kinds(ada(), ada(subject_hash="h")) == [*(PreferencesChanged, ContactChanged, MentoringProfileChanged)]


def test_the_story_is_in_no_event_and_principles_are_for_mentorships_only() -> None:
    own = ada(story="Once.", story_shown_to="suggested", pronouns="she", shares_email=True)
    assert kinds(ada(), own) == []
    assert kinds(ada(), ada(principles="Listen.")) == [MentoringProfileChanged]


def test_title_and_cohort_are_in_no_event() -> None:
    assert kinds(ada(), ada(title="Dr.", cohort="PGY-2")) == []
    assert (ada(title="Dr.").full_name, ada().full_name) == ("Dr. Ada", "Ada")


def test_a_changed_identifier_is_published_to_those_who_use_it() -> None:
    assert kinds(ada(), ada(external_id="7")) == [PreferencesChanged]
    assert kinds(ada(), ada(email="a@example.org")) == [PreferencesChanged, ContactChanged]


@pytest.mark.parametrize(
    "field",
    [
        "never",
        "weights",
        "topics_most_wanted",
        "identity",
        "wishes_shared_identity",
        "story",
        "story_shown_to",
        "pronouns",
        "shares_email",
        "across_institutions",
    ],
)
def test_fields_that_only_the_person_enters_are_refused_from_others(field: str) -> None:
    with pytest.raises(Rejected) as refused:
        members.change_as_institution(ada(), {field: True, "capacity": 2})
    assert (refused.value.code, refused.value.errors[0].field) == ("person_only", field)
    with pytest.raises(Rejected):
        members.register(id="ada", institution="here", given={"name": "Ada", "email": "a@x.org", field: True})


def test_a_member_cannot_be_on_their_own_never_list() -> None:
    with pytest.raises(Rejected):
        members.change_as_person(ada(), {"never": ("bob", "ada")})


def test_a_sign_in_is_bound_once_and_to_active_members_only() -> None:
    assert members.bind(ada(), "h").subject_hash == "h"
    with pytest.raises(Conflict):
        members.bind(ada(subject_hash="h"), "other")
    with pytest.raises(Conflict):
        members.bind(members.deactivate(ada()), "h")


def test_a_version_other_than_the_current_is_stale() -> None:
    with pytest.raises(StaleVersion):
        Versioned(ada(), 3).at(2)


def test_values_are_normalized() -> None:
    profile = Profile(
        email=" ADA@Example.org ",
        languages=("EN", "de", "en"),
        topics_wanted=("ecg", "ecg"),
        enrolments=(Enrolment(programme="p", roles=("mentor", "mentee", "mentor")),),
    )
    assert profile.email == "ada@example.org"
    assert profile.languages == ("en", "de")
    assert profile.topics_wanted == ("ecg",)
    assert profile.enrolments[0].roles == ("mentee", "mentor")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "ada@localhost"),
        ("email", "a b@example.org"),
        ("email", "ada@example..org"),
        ("time_zone", "Europe"),
        ("time_zone", "/etc/passwd"),
        ("time_zone", "../UTC"),
        ("time_zone", ""),
        ("languages", ["deu-AT"]),
        ("locale", "german"),
        ("capacity", 51),
        ("hours_per_month", 101),
        ("least_group", 51),
        ("mentors_wanted", 0),
        ("mentors_wanted", 11),
        ("topics_wanted", ["Not A Slug"]),
        ("weights", {"topics": 101}),
        ("weights", {"citations": 1}),
        ("enrolments", [{"programme": "p", "roles": []}]),
        ("enrolments", [{"programme": "p", "roles": ["mentor"]}, {"programme": "p", "roles": ["mentee"]}]),
        ("never", ["../other"]),
        ("name", "   "),
        ("stage", "professor"),
        ("available", ["fri-20-17"]),
        ("available", ["fri-17-17"]),
        ("available", ["fri-17-25"]),
        ("available", ["friday-17-20"]),
    ],
)
def test_a_wrong_value_is_refused_at_its_field(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as invalid:
        FullProfile.model_validate({field: value})
    assert invalid.value.errors()[0]["loc"][0] == field


def test_weights_of_later_factors_are_published_in_a_field_of_their_own() -> None:
    published = next(
        fact
        for fact in members.facts(ada(weights={"topics": 9, "identity": 7}))
        if isinstance(fact, PreferencesChanged)
    )
    assert (published.weights, published.further_weights) == ({"topics": 9}, {"identity": 7})


def test_a_programme_may_weigh_availability_and_never_identity() -> None:
    assert ProgrammePatch.model_validate({"weights": {"availability": 30}}).weights == {"availability": 30}
    with pytest.raises(ValidationError, match="person's own wish"):
        ProgrammePatch.model_validate({"weights": {"identity": 30}})
