"""The clauses and terms of an agreement: what they are called, who wrote them, how far they may go."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Literal, get_args

from services.mentorships.kernel.pairs import Side

Language = Literal["en", "de"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
ClauseName = Literal["goals", "meetings", "confidentiality", "ending", "disputes", "review", "principles"]
CLAUSES: tuple[ClauseName, ...] = get_args(ClauseName)
"""In the order of the page. `principles` are the mentor's own; the others come from the programme's template."""
Texts = Mapping[ClauseName, str]
MAX_CLAUSE_LENGTH = 5_000
MAX_LENGTH_MONTHS = 24
MAX_INTERVAL_DAYS = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    text: str
    by: Side | Literal["programme"]
    """Who wrote this wording: it is deleted when that person is erased."""


Clauses = Mapping[ClauseName, Clause]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    interval_days: int
    """How often the two meet."""
    length_months: int
    review_on: date
    """When the two look at the agreement again."""
    starts_again: bool = False
    """Whether the length counts from the day on which both have signed, as in an extension. Otherwise the period in
    force continues, longer or shorter by the difference.
    """


def changed_clauses(before: Clauses, after: Clauses) -> tuple[ClauseName, ...]:
    return tuple(name for name in CLAUSES if _text(before, name) != _text(after, name))


def changed_terms(before: Terms, after: Terms) -> tuple[str, ...]:
    names = (field.name for field in fields(Terms))
    return tuple(name for name in names if getattr(before, name) != getattr(after, name))


def rewritten(before: Clauses, texts: Texts, *, by: Side) -> Clauses:
    """The clauses with new texts; a text that stays the same keeps its author. Clauses without a new text stay."""
    new = {name: Clause(text=text, by=by) for name, text in texts.items() if _text(before, name) != text}
    return {**before, **new}


def _text(clauses: Clauses, name: ClauseName) -> str | None:
    return clauses[name].text if name in clauses else None
