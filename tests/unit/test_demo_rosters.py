"""Profiles reads the demo's rosters: it accepts every row, and each means what the demo meant."""

import io
from pathlib import Path

from deploy.demo import rosters
from deploy.demo.network import people
from services.profiles.members.domain.profile import Profile
from services.profiles.rosters.domain.fields import ROSTER
from shared.spreadsheets import mapping
from tests.conftest import missing
from tests.unit import roster_rows


def read(source: rosters.Source) -> dict[str, list[Profile]]:
    """The profiles of each section; no row may be refused."""
    profiles: dict[str, list[Profile]] = {}
    for roster in source.rosters:
        for section, content in roster.files.items():
            rows = list(roster_rows.rows(io.BytesIO(content), mapping.parse(roster.mapping, section, ROSTER)))
            assert not [row.reasons for row in rows if row.profile is None]
            profiles.setdefault(section, []).extend(row.profile for row in rows if row.profile)
    return profiles


def test_the_generated_network_survives_its_rosters_unchanged() -> None:
    by_number = {person.external_id: person for person in people(120)}
    profiles = read(rosters.medical(by_number.values()))["people"]
    assert len(profiles) == 120
    for profile in profiles:
        person = by_number[profile.external_id or ""]
        assert (profile.name, profile.email, profile.stage) == (person.name, person.email, person.stage)
        assert profile.topics_offered == person.topics_offered
        assert profile.topics_wanted == person.topics_wanted
        assert (profile.languages, profile.formats) == (person.languages, person.formats)
        assert (profile.capacity, profile.hours_per_month) == (person.capacity, person.hours_per_month)
        enrolled = {enrolment.programme: set(enrolment.roles) for enrolment in profile.enrolments}
        assert enrolled == {programme: set(person.roles) for programme in person.programmes}


def test_no_roster_sets_who_is_open_to_other_institutions() -> None:
    source = rosters.medical(people(120))
    assert source.open_to_others
    assert b"across_institutions" not in b"".join(roster.mapping for roster in source.rosters)


def test_every_row_of_the_small_roster_is_accepted_and_two_people_are_in_both_files() -> None:
    profiles = read(rosters.own())
    mentors, mentees = ({profile.external_id for profile in profiles[section]} for section in ("mentors", "mentees"))
    assert len(mentors | mentees) == 18
    assert len(mentors & mentees) == 2


def test_without_the_real_sample_the_small_roster_is_used(tmp_path: Path) -> None:
    assert rosters.real_or_own(tmp_path / "nowhere") == rosters.own()


def test_every_row_of_the_real_sample_is_accepted_and_nothing_sensitive_is_read() -> None:
    if not rosters.CIVIL_SERVICE.is_dir():
        missing("the civil service's sample is not here")
    profiles = read(rosters.real_or_own())
    assert {section: len(of_section) for section, of_section in profiles.items()} == {"mentors": 50, "mentees": 50}
