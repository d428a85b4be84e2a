"""The demo's files, read as profiles reads them: whatever is sent is taken, and means what was meant."""

import io
from pathlib import Path

from deploy.demo import rosters
from deploy.demo.network import people
from services.profiles.members.domain.profile import Profile
from services.profiles.rosters.domain import mapping, reading
from tests.conftest import missing


def read(source: rosters.Source) -> dict[str, list[Profile]]:
    """What each file says, by section; no row may be refused."""
    told: dict[str, list[Profile]] = {}
    for roster in source.rosters:
        for file in roster.files:
            rows = list(reading.rows(io.BytesIO(file.content), mapping.parse(roster.mapping, file.section)))
            assert not [row.reasons for row in rows if row.profile is None]
            told.setdefault(file.section, []).extend(row.profile for row in rows if row.profile)
    return told


def test_the_generated_network_comes_out_of_its_rosters_as_it_went_in() -> None:
    everybody = {person.external_id: person for person in people(120)}
    told = read(rosters.medical(everybody.values()))["people"]
    assert len(told) == 120
    for profile in told:
        person = everybody[profile.external_id or ""]
        assert (profile.name, profile.email, profile.stage) == (person.name, person.email, person.stage)
        assert profile.topics_offered == person.topics_offered
        assert profile.topics_wanted == person.topics_wanted
        assert (profile.languages, profile.formats) == (person.languages, person.formats)
        assert (profile.capacity, profile.hours_per_month) == (person.capacity, person.hours_per_month)
        enrolled = {one.programme: set(one.roles) for one in profile.enrolments}
        assert enrolled == {programme: set(person.roles) for programme in person.programmes}


def test_no_roster_says_who_is_willing_to_meet_other_institutions_people() -> None:
    source = rosters.medical(people(120))
    assert source.willing
    assert b"across_institutions" not in b"".join(roster.mapping for roster in source.rosters)


def test_our_own_small_roster_is_taken_whole_and_two_people_stand_in_both_files() -> None:
    told = read(rosters.own())
    mentors, mentees = ({one.external_id for one in told[section]} for section in ("mentors", "mentees"))
    assert len(mentors | mentees) == 18
    assert len(mentors & mentees) == 2


def test_where_the_real_sample_is_not_there_our_own_roster_is_taken(tmp_path: Path) -> None:
    assert rosters.real_or_own(tmp_path / "nowhere") == rosters.own()


def test_the_real_sample_is_taken_whole_and_nothing_sensitive_is_read_from_it() -> None:
    if not rosters.REAL.is_dir():
        missing("the civil service's sample is not here")
    told = read(rosters.real_or_own())
    assert {section: len(people) for section, people in told.items()} == {"mentors": 50, "mentees": 50}


def test_counts_of_several_files_add_up() -> None:
    assert rosters.Counts(created=1, refused=2) + rosters.Counts(created=3) == rosters.Counts(created=4, refused=2)
