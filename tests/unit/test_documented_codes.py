"""Every code that people or systems read is explained in the docs."""

import re
from pathlib import Path
from typing import get_args

import pytest

from services.matching.kernel.pairs import DisplacementCause
from services.matching.mentoring.domain.relationships import ClosingReason, RelationshipState
from services.matching.mentoring.domain.requests import DecliningReason, RequestState
from services.matching.repairs.domain.lifecycle import RepairState
from services.matching.rounds.domain.lifecycle import RoundState
from services.matching.rounds.solver.files import Reason, Target
from services.matching.suggestions.reading import AnswerCode
from shared.contracts.matching import Cause, Unmatched

ROOT = Path(__file__).parents[2]
CODES = {
    "why a list is empty": Unmatched,
    "why a list changed": Cause,
    "why not this mentor": AnswerCode,
    "states of requests": RequestState,
    "reasons to decline": DecliningReason,
    "states of relationships": RelationshipState,
    "reasons to close": ClosingReason,
    "states of rounds": RoundState,
    "why a round leaves a mentee over": Reason,
    "targets of rounds": Target,
    "states of repairs": RepairState,
    "why a mentee is displaced": DisplacementCause,
}


@pytest.mark.parametrize("codes", CODES.values(), ids=CODES)
def test_every_code_is_explained_in_the_docs(codes: object) -> None:
    pages = [page for page in (ROOT / "docs").glob("*.md") if page.name != "events.md"]
    explained = set(re.findall(r"`([a-z_]+)`", "\n".join(page.read_text(encoding="utf-8") for page in pages)))
    assert sorted(set(get_args(codes)) - explained) == []
