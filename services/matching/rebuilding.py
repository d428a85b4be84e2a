"""The copies of profiles' state that `deploy.rebuild` makes again from the topics."""

from services.matching.mentoring.repository.pairs import REQUESTS
from services.matching.projections.departures import rewrite_departures
from services.matching.projections.repository import INSTITUTIONS, PARTICIPANTS, PREFERENCES, PROGRAMMES
from shared.consuming.projection import Copy
from shared.contracts.profiles import InstitutionChanged, MemberChanged, PreferencesChanged, ProgrammeChanged

COPIES = (
    Copy(collection=INSTITUTIONS, payload=InstitutionChanged),
    Copy(collection=PROGRAMMES, payload=ProgrammeChanged),
    Copy(
        collection=PARTICIPANTS,
        payload=MemberChanged,
        follow=lambda database: rewrite_departures(database, PARTICIPANTS, asked=REQUESTS),
    ),
    Copy(collection=PREFERENCES, payload=PreferencesChanged),
)
