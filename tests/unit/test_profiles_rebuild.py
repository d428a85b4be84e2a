"""States rebuilt from their published events: nothing that a topic carries is lost."""

from dataclasses import replace

from services.profiles.institutions import domain as institutions
from services.profiles.institutions.domain import Institution
from services.profiles.members.domain import members
from services.profiles.members.domain.members import Member
from services.profiles.programmes import domain as programmes
from services.profiles.programmes.domain import Programme
from services.profiles.republishing.domain import rebuild_state
from services.profiles.vocabulary.domain import terms as terms_of
from services.profiles.vocabulary.domain.terms import Term
from shared.contracts.payload import Payload
from shared.contracts.profiles import Enrolment, ExchangeTerms, ProgrammeLimits

OLD = Member(id="m", institution="west", name="Old", email="old@west.example", story="kept", external_id="7")
NEW = Member(
    id="m",
    institution="west",
    name="New",
    email="new@west.example",
    locale="de",
    principles="We meet away from work.",
    affiliations=("east",),
    agreed_affiliations=("east",),
    status="inactive",
    paused=True,
    enrolments=(Enrolment(programme="p", roles=("mentor",)),),
    stage="fellow",
    specialty="cardiology",
    topics_offered=("airway",),
    topics_wanted=("sepsis",),
    languages=("de",),
    formats=("video",),
    time_zone="Europe/Berlin",
    hours_per_month=3,
    capacity=2,
    least_group=2,
    mentors_wanted=3,
    style="coach",
    available=("fri-17-20",),
    reverse_mentoring=True,
    across_institutions=True,
    never=("x",),
    weights={"topics": 9, "identity": 4},
    topics_most_wanted=("sepsis",),
    identity=("first-gen",),
    wishes_shared_identity=True,
    subject_hash="hash",
)
UNPUBLISHED = {
    *("story", "story_shown_to", "pronouns", "shares_email"),
    *("external_id", "imported", "declined_affiliations", "title", "cohort"),
}
"""Fields that no topic carries: docs/operations.md names them as lost."""


def topics(member: Member, *names: str) -> list[Payload]:
    return [fact for fact in members.facts(member) if fact.TOPIC.split(".")[1] in names]


def test_a_member_is_rebuilt_as_published_and_keeps_fields_that_no_topic_carries() -> None:
    assert rebuild_state(Member, OLD, members.facts(NEW)) == replace(NEW, story="kept", external_id="7")


def test_every_field_of_a_member_is_published_or_listed_as_unpublished() -> None:
    blank = Member(id="m", institution="west", name="", email="")
    silent = {name for name in Member.__dataclass_fields__ if getattr(NEW, name) == getattr(blank, name)}
    assert silent - {"id", "institution"} == UNPUBLISHED, "NEW sets every field that a topic carries"


def test_a_single_topic_rebuilds_only_its_own_fields() -> None:
    rebuilt = rebuild_state(Member, OLD, topics(NEW, "preferences"))
    assert rebuilt is not None
    assert (rebuilt.never, rebuilt.weights, rebuilt.name) == (NEW.never, NEW.weights, "Old")


def test_an_unknown_member_is_rebuilt_if_the_events_have_every_required_field() -> None:
    assert rebuild_state(Member, None, members.facts(NEW)) == NEW
    assert rebuild_state(Member, None, topics(NEW, "members", "preferences")) is None, "without a name and an address"


def test_programmes_institutions_and_terms_are_rebuilt_completely() -> None:
    programme = Programme(
        id="p",
        institution="west",
        name="P",
        admits=("west", "east"),
        agreed=("west", "east"),
        status="inactive",
        weights={"topics": 1, "load": 2},
        limits=ProgrammeLimits(list_length=5),
    )
    terms = (ExchangeTerms(partner="east", direction="gives", ceiling=3),)
    institution = Institution(id="west", name="West", status="inactive", exchanges_with=("east",), exchange_terms=terms)
    term = Term(
        id="t",
        kind="topic",
        labels={"en": "T"},
        other_names=("U",),
        broader=("b",),
        institution_names={"west": ("W",)},
        successor="s",
    )
    assert rebuild_state(Term, None, terms_of.facts(term)) == term
    assert rebuild_state(Programme, None, programmes.facts(programme)) == programme
    assert rebuild_state(Institution, None, institutions.facts(institution)) == institution
