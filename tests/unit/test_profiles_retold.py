"""States read back from what was told of them: nothing that a topic carries is lost."""

from dataclasses import replace

from services.profiles.institutions import domain as institutions
from services.profiles.institutions.domain import Institution
from services.profiles.members.domain import members
from services.profiles.members.domain.members import Member
from services.profiles.programmes import domain as programmes
from services.profiles.programmes.domain import Programme
from services.profiles.republishing.domain import rebuild_state
from shared.contracts.payload import Payload
from shared.contracts.profiles import Enrolment, ExchangeTerms, ProgrammeLimits

OLD = Member(id="m", institution="west", name="Old", email="old@west.example", story="kept", external_id="7")
NEW = Member(
    id="m",
    institution="west",
    name="New",
    email="new@west.example",
    locale="de",
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
UNTOLD = {
    *("story", "story_shown_to", "pronouns", "shares_email", "principles"),
    *("external_id", "imported", "declined_affiliations"),
}
"""What no topic carries: docs/operations.md names it as lost."""


def topics(member: Member, *names: str) -> list[Payload]:
    return [fact for fact in members.facts(member) if fact.TOPIC.split(".")[1] in names]


def test_a_member_comes_back_as_told_and_keeps_what_no_topic_carries() -> None:
    assert rebuild_state(Member, OLD, members.facts(NEW)) == replace(NEW, story="kept", external_id="7")


def test_whatever_a_member_has_is_told_or_known_to_be_untold() -> None:
    blank = Member(id="m", institution="west", name="", email="")
    silent = {name for name in Member.__dataclass_fields__ if getattr(NEW, name) == getattr(blank, name)}
    assert silent - {"id", "institution"} == UNTOLD, "NEW sets every field that a topic carries"


def test_of_one_topic_only_that_audience_s_part_comes_back() -> None:
    back = rebuild_state(Member, OLD, topics(NEW, "preferences"))
    assert back is not None
    assert (back.never, back.weights, back.name) == (NEW.never, NEW.weights, "Old")


def test_who_was_unknown_is_made_anew_where_the_topics_say_enough() -> None:
    assert rebuild_state(Member, None, members.facts(NEW)) == NEW
    assert rebuild_state(Member, None, topics(NEW, "members", "preferences")) is None, "without a name and an address"


def test_programmes_and_institutions_come_back_whole() -> None:
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
    assert rebuild_state(Programme, None, programmes.facts(programme)) == programme
    assert rebuild_state(Institution, None, institutions.facts(institution)) == institution
