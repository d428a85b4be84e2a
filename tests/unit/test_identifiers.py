"""Digests of staff numbers and e-mail addresses, and members named by them."""

import pytest

from services.matching.projections.lookup.domain import Identifier, resolve
from services.profiles.members.domain.members import Member, facts
from services.profiles.members.domain.profile import Profile
from shared.contracts.profiles import PreferencesChanged
from shared.errors import FieldError
from shared.identifiers import identifier_digest

STAFF = Identifier(kind="external_id", value="S-12")


def digest(value: str, kind: str = "email", institution: str = "north") -> str:
    return identifier_digest(institution=institution, kind=kind, value=value)  # type: ignore[arg-type]


def test_equal_values_have_equal_digests_within_an_institution_and_kind_only() -> None:
    assert digest("S-12", "external_id") == digest("S-12", "external_id")
    others = [digest("S-12", "external_id", "south"), digest("s-12", "external_id"), digest("S-12", "email")]
    assert digest("S-12", "external_id") not in others
    assert digest("a", "external_id", "north") != digest("ha", "external_id", "nort")


@pytest.mark.parametrize(
    "written", [" ADA@Example.org ", "ada@example.ORG", "Zoe\u0301@example.org", "ZO\u00c9@example.org"]
)
def test_an_address_has_one_digest_however_it_is_written(written: str) -> None:
    assert digest(written) == digest(Profile(email=written).email)


def test_a_staff_number_is_trimmed_and_otherwise_exact() -> None:
    assert digest(" S-12 ", "external_id") == digest("S-12", "external_id")


def test_matching_gets_digests_and_no_identifier() -> None:
    ada = Member(id="ada", institution="north", name="Ada", email="ada@example.org", external_id="S-12")
    [preferences] = [fact for fact in facts(ada) if isinstance(fact, PreferencesChanged)]
    assert (preferences.external_id_digest, preferences.email_digest) == (
        digest("S-12", "external_id"),
        digest("ada@example.org"),
    )
    assert not [value for value in ("S-12", "ada@") if value in preferences.model_dump_json()]


def test_an_identifier_of_exactly_one_member_finds_that_member() -> None:
    assert resolve(STAFF, {STAFF: {"ada"}}, field="mentee") == "ada"
    assert resolve("ada", {}, field="mentee") == "ada"


@pytest.mark.parametrize("members", [(), ("ada", "ben")])
def test_an_identifier_of_none_or_of_several_is_refused_by_its_kind_alone(members: tuple[str, ...]) -> None:
    refused = resolve(STAFF, {STAFF: members}, field="pins.3.mentee")
    assert isinstance(refused, FieldError)
    assert refused.field == "pins.3.mentee_external_id"
    assert "staff number" in refused.message
    assert "S-12" not in f"{refused} {STAFF!r}"
