"""`./dev texts`: every sentence that a member reads, with sample data, so that a person can read them all in one place.

Which reasons a template distinguishes is read from the template itself, so a new one appears here without being listed.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, nodes
from rich.table import Table

from services.matching.kernel import reasons
from services.matching.kernel.participants import USUAL, Member, Person, Preferences
from services.notifications import domain
from services.notifications import wording as notifications
from services.notifications.domain import Notification, Recipient
from services.notifications.usecases.reading import Message, Names
from shared.contracts.profiles import FACTORS

_TEMPLATES = Path(notifications.__file__).parent / "templates"
_PROGRAMME = "residency"
_NAMES = Names(
    members={"ada": "Dr Ada Lovelace"},
    institutions={"north": "North School", "south": "South Hospital"},
    programmes={_PROGRAMME: "Residency 2027"},
)
_ADA = domain.Person(member="ada", institution="north")
_SOMEBODY = domain.Person(member="unknown", institution="south")


def tables() -> Iterator[Table]:
    for locale in notifications.LOCALES:
        table = Table("template", "case", "title", "body", title=f"notifications, {locale}", show_lines=True)
        for template, case, change in _changes(locale):
            message = _message(change, locale)
            table.add_row(template, case, message.title, message.body)
        yield table
    table = Table("code", "sentence", title="why a list is empty, or a mentor is not on it")
    for code, sentence in reasons.UNMATCHED.items():
        table.add_row(code, sentence)
    table.add_row("(not among the first ten)", reasons.shortfall(dict.fromkeys(FACTORS, 0), dict.fromkeys(FACTORS, 1)))
    table.add_row("(equal scores)", reasons.shortfall(dict.fromkeys(FACTORS, 0), dict.fromkeys(FACTORS, 0)))
    yield table
    table = Table("sentence", title="why a mentor is suggested")
    for sentence in dict.fromkeys(sentence for mentor in _mentors() for sentence in reasons.reasons(_mentee(), mentor)):
        table.add_row(sentence)
    yield table


def _changes(locale: str) -> Iterator[tuple[str, str, domain.Change]]:
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True)
    for file in sorted((_TEMPLATES / locale).glob("*.txt")):
        template = file.stem
        if template == "words":
            continue
        tree = environment.parse(file.read_text(encoding="utf-8"))
        for reason in (None, *_reasons(tree)):
            yield from _cases(template, reason)


def _reasons(tree: nodes.Template) -> Iterator[str]:
    """The codes that a template has a sentence for: keys of its table, and constants that it compares with."""
    for table in tree.find_all(nodes.Dict):
        yield from (str(pair.key.value) for pair in table.items if isinstance(pair.key, nodes.Const))
    for comparison in tree.find_all(nodes.Compare):
        if isinstance(comparison.expr, nodes.Name) and comparison.expr.name == "reason":
            yield from (str(constant.value) for constant in comparison.find_all(nodes.Const))


def _cases(template: str, reason: str | None) -> Iterator[tuple[str, str, domain.Change]]:
    case = reason or ""
    if template.startswith("suggestions-none"):
        unmatched = reason or "not_available"
        yield (
            template,
            unmatched,
            domain.ListChange(programme=_PROGRAMME, before=frozenset(), now=(), unmatched=unmatched),
        )
    elif template.startswith("suggestions-ended"):
        yield template, case, _list("ada")
    elif template.startswith("suggestions"):
        yield template, "first list", _list(now=(_ADA, _SOMEBODY))
        yield template, "one new, one gone", _list("ada", "ben", now=(_ADA, _SOMEBODY))
        yield template, "new order", _list("ada", now=(_ADA,))
    elif template.startswith("erasure"):
        yield template, case, domain.ErasureNotice(template=template, due_at=datetime(2027, 3, 4, tzinfo=UTC))
    elif template.startswith("round"):
        yield template, case, domain.LeftOver(template=template, programme=_PROGRAMME, reason=reason or "not_available")
    else:
        for side in ("mentee", "mentor"):
            turn = domain.PairUpdate(
                template=template, programme=_PROGRAMME, side=side, other=_ADA, reason=reason, said_yes=True
            )
            yield template, f"{case} to the {side}".strip(), turn


def _list(*before: str, now: tuple[domain.Person, ...] = (), unmatched: str | None = None) -> domain.ListChange:
    return domain.ListChange(programme=_PROGRAMME, before=frozenset(before), now=now, unmatched=unmatched)


def _message(change: domain.Change, locale: str) -> Message:
    notification = Notification(
        id="sample",
        recipient=Recipient(institution="north", member="mia"),
        occasion="sample",
        change=change,
        position=1,
        told_at=datetime(2027, 1, 4, tzinfo=UTC),
    )
    return notifications.Wording().message(notification, locale=locale, names=_NAMES)


def _mentee() -> Person:
    return _person("mia", topics_wanted=frozenset({"research-methods", "ethics", "teaching"}), stage="resident")


def _mentors() -> Iterator[Person]:
    topics = frozenset({"research-methods", "ethics"})
    yield _person("near", topics_offered=topics, stage="attending", experience=USUAL + 1)
    yield _person(
        "far",
        topics_offered=frozenset({"teaching"}),
        stage="fellow",
        specialty="nephrology",
        languages=frozenset({"de"}),
        time_zone="America/New_York",
    )
    yield _person("east", stage="student", time_zone="Asia/Kolkata")


def _person(id: str, *, experience: int = USUAL, **fields: Any) -> Person:
    member = {
        "id": id,
        "institution": "north",
        "specialty": "cardiology",
        "languages": frozenset({"de", "en"}),
        "formats": frozenset({"in_person", "video"}),
        "time_zone": "Europe/Vienna",
        "style": "coach",
        "available": frozenset({"fri-17-20"}),
        **fields,
    }
    return Person(Member(**member), Preferences(member=id), experience=experience)
