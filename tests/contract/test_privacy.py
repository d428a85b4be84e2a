"""What may travel on a public topic: ids, ranks and codes. A new field is a decision, made here."""

import re
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from shared.contracts.catalogue import EVENTS, PRIVATE
from shared.contracts.payload import Payload
from shared.contracts.profiles import MemberChanged
from shared.contracts.schema import Schema, schemas

_SENSITIVE = re.compile(
    r"name|principles|mail|phone|address|story|never|weight|identity|subject|hash|secret|token|birth|gender|score|factor|note|text|message|rating|experience|assesso|assessed"
)
_ALLOWED = {
    "profiles.institutions": {"name"},
    "profiles.programmes": {
        "name",
        "weights",
        "further_weights",
        "minimum_score",
    },  # a programme's own, set by its coordinator
    "profiles.vocabulary": {"other_names", "institution_names"},  # of terms
    "profiles.dead-letters": {"key_hash"},
    "matching.dead-letters": {"key_hash"},
    "notifications.dead-letters": {"key_hash"},
    "mentorships.dead-letters": {"key_hash"},
    "mentorships.events": {"message"},  # an id
}
_MEMBER = {
    "member",
    "institution",
    "affiliations",
    "status",
    "paused",
    "enrolments",
    "programme",
    "roles",
    "stage",
    "specialty",
    "topics_offered",
    "topics_wanted",
    "languages",
    "formats",
    "time_zone",
    "hours_per_month",
    "capacity",
    "least_group",
    "mentors_wanted",
    "style",
    "available",
    "reverse_mentoring",
    "across_institutions",
}


def fields_of(schema: Schema) -> Iterator[str]:
    yield from schema["properties"]
    for part in schema.get("$defs", {}).values():
        yield from part.get("properties", ())


def sensitive(payload: type[Payload], schema: Schema) -> set[str]:
    return {name for name in fields_of(schema) if _SENSITIVE.search(name)} - _ALLOWED.get(payload.TOPIC, set())


@pytest.mark.parametrize("event_type", [name for name, payload in EVENTS.items() if payload.TOPIC not in PRIVATE])
def test_no_event_on_a_public_topic_has_identity_or_confidential_fields(event_type: str) -> None:
    assert sensitive(EVENTS[event_type], schemas()[event_type]) == set()


def test_the_check_finds_a_confidential_field_in_a_nested_model() -> None:
    class Mentor(BaseModel):
        never_list: tuple[str, ...]

    class Leak(MemberChanged):
        email: str
        mentors: tuple[Mentor, ...]

    assert sensitive(Leak, Leak.model_json_schema()) == {"email", "never_list"}


def test_the_members_topic_carries_the_allowed_fields_only() -> None:
    assert set(fields_of(schemas()[MemberChanged.TYPE])) == _MEMBER


def test_a_topic_is_private_exactly_if_an_event_on_it_carries_sensitive_fields() -> None:
    carrying = {payload.TOPIC for name, payload in EVENTS.items() if sensitive(payload, schemas()[name])}
    assert carrying == PRIVATE


def test_the_story_is_on_no_topic_at_all() -> None:
    assert not [name for schema in schemas().values() for name in fields_of(schema) if "story" in name]
