"""The copies of profiles' state that `deploy.rebuild` makes again from the topics."""

from services.matching.mentoring.repository.pairs import REQUESTS
from services.matching.projections.departures import rewrite_departures
from services.matching.projections.repository import INSTITUTIONS, PARTICIPANTS, PREFERENCES, PROGRAMMES
from services.matching.projections.vocabulary import TERMS, follow_terms, term_body
from shared.consuming.projection import Copy
from shared.contracts.profiles import (
    InstitutionChanged,
    MemberChanged,
    PreferencesChanged,
    ProgrammeChanged,
    TermChanged,
)

COPIES = (
    Copy(collection=INSTITUTIONS, payload=InstitutionChanged),
    Copy(collection=PROGRAMMES, payload=ProgrammeChanged),
    Copy(collection=TERMS, payload=TermChanged, body=term_body, follow=follow_terms),
    Copy(
        collection=PARTICIPANTS,
        payload=MemberChanged,
        follow=lambda database: rewrite_departures(database, PARTICIPANTS, asked=REQUESTS),
    ),
    Copy(collection=PREFERENCES, payload=PreferencesChanged),
)
