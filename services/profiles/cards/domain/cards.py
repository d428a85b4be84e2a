"""What a member sees of another, by their relation. A field that a rule does not allow is None.

| field | suggested, asked | matched |
|---|---|---|
| name, pronouns | inside one institution | yes |
| stage, specialty, principles | yes | yes |
| story | where its owner chose `suggested` | where its owner chose `suggested` or `matched` |
| email | no | where its owner shares it |
"""

from dataclasses import dataclass

from services.profiles.cards.domain.relations import Relation
from services.profiles.members.domain.members import Member
from shared.contracts.profiles import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    id: str
    institution: str
    relation: Relation
    stage: Stage | None
    specialty: str | None
    principles: str
    name: str | None = None
    pronouns: str | None = None
    story: str | None = None
    email: str | None = None


def card(of: Member, *, relation: Relation, viewed_by: Member) -> Card | None:
    """None for an inactive member, unless the two are matched: their relationship is on hold."""
    is_matched = relation == "matched"
    if of.status != "active" and not is_matched:
        return None
    is_named = is_matched or of.institution == viewed_by.institution
    shows_story = of.story_shown_to == "suggested" or (is_matched and of.story_shown_to == "matched")
    return Card(
        id=of.id,
        institution=of.institution,
        relation=relation,
        stage=of.stage,
        specialty=of.specialty,
        principles=of.principles,
        name=of.full_name if is_named else None,
        pronouns=(of.pronouns or None) if is_named else None,
        story=(of.story or None) if shows_story else None,
        email=of.email if is_matched and of.shares_email else None,
    )
