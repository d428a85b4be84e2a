"""What a roster can set of a member: the fields of `Profile`, and the roles in programmes."""

from services.profiles.members.domain.profile import PERSON_ONLY, Profile
from shared.spreadsheets.mapping import Fields

ROSTER = Fields(
    names=frozenset(Profile.model_fields) - {"enrolments"},
    several=frozenset({"affiliations", "topics_offered", "topics_wanted", "languages", "formats", "available"}),
    numbers=frozenset({"hours_per_month", "capacity", "least_group", "mentors_wanted"}),
    addresses=frozenset({"email"}),
    identity=("email", "external_id"),
    required=("name", "email"),
    person_only=PERSON_ONLY | {"never_list", "identity_wish"},
    enrols=True,
)
