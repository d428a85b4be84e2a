"""The command `./dev texts`: prints every sentence that a member reads, with sample data, for proofreading.

Of a request, a relationship or a mentorship, only what is published to a mentee or a mentor is shown (`PAIR_CASES`);
of the others, the reasons that a template distinguishes, which are read from the template itself.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, nodes
from rich.table import Table

from services.matching.kernel import reasons
from services.matching.kernel.participants import USUAL, Member, Person, Preferences
from services.matching.mentoring.domain.relationships import ClosingReason
from services.matching.mentoring.domain.requests import DecliningReason
from services.mentorships.lifecycle.domain import EndReason
from services.notifications import wording as notifications
from services.notifications.kernel import domain
from services.notifications.kernel.domain import Message, Names, Notification, Recipient, Side
from shared.contracts.profiles import FACTORS

_TEMPLATES = Path(notifications.__file__).parent / "templates"
_PROGRAMME = "residency"
_NAMES = Names(
    members={"ada": "Dr Ada Lovelace"},
    institutions={"north": "North School", "south": "South Hospital"},
    programmes={_PROGRAMME: "Residency 2027"},
)
_ADA = domain.Person(member="ada", institution="north")
_STRANGER = domain.Person(member="unknown", institution="south")

_DAY = datetime(2027, 3, 4, 16, tzinfo=UTC)
_WORDING = notifications.Wording()
_ZONE = ZoneInfo("Europe/Vienna")
_GOAL_CHANGES = ("shared", "changed", "completed", "dropped", "reopened", "commented", "set")
_ENDED: tuple[str, ...] = (*get_args(EndReason), *get_args(ClosingReason))

PAIR_CASES: Mapping[tuple[str, Side], Collection[str | None]] = {
    ("conflict-detected", "mentee"): ("assessment",),
    ("conflict-detected", "mentor"): ("assessment",),
    ("agreement-in_force", "mentee"): (None,),
    ("agreement-in_force", "mentor"): (None,),
    ("agreement-proposed", "mentee"): (None,),
    ("agreement-proposed", "mentor"): (None,),
    ("agreement-review_due", "mentee"): (None,),
    ("agreement-review_due", "mentor"): (None,),
    ("agreement-signed", "mentee"): (None,),
    ("agreement-signed", "mentor"): (None,),
    ("agreement-withdrawn", "mentee"): (None,),
    ("agreement-withdrawn", "mentor"): (None,),
    ("check_in-answered", "mentee"): (None,),
    ("check_in-answered", "mentor"): (None,),
    ("check_in-opened", "mentee"): (None,),
    ("check_in-opened", "mentor"): (None,),
    ("flash-booked", "mentor"): (None,),
    ("flash-cancelled", "mentee"): ("by_mentor", "mentor_left"),
    ("flash-cancelled", "mentor"): ("by_mentee", "mentee_left"),
    ("flash-held", "mentee"): (None,),
    ("flash-held", "mentor"): (None,),
    ("flash-missed", "mentee"): (None,),
    ("flash-missed", "mentor"): (None,),
    ("flash-reminded", "mentee"): (None,),
    ("flash-reminded", "mentor"): (None,),
    ("goal-changed", "mentee"): ("commented",),
    ("goal-changed", "mentor"): _GOAL_CHANGES,
    ("meeting-agreed", "mentee"): (None,),
    ("meeting-agreed", "mentor"): (None,),
    ("meeting-cancelled", "mentee"): ("cancelled", "declined", "member_moved", "mentorship_ended"),
    ("meeting-cancelled", "mentor"): ("cancelled", "declined", "member_moved", "mentorship_ended"),
    ("meeting-changed", "mentee"): ("moved", "cancelled"),
    ("meeting-changed", "mentor"): ("moved", "cancelled"),
    ("meeting-declined", "mentee"): (None,),
    ("meeting-declined", "mentor"): (None,),
    ("meeting-skipped", "mentee"): ("shift", "after_night"),
    ("meeting-skipped", "mentor"): ("shift", "after_night"),
    ("meeting-held", "mentee"): (None,),
    ("meeting-held", "mentor"): (None,),
    ("meeting-missed", "mentee"): (None,),
    ("meeting-missed", "mentor"): (None,),
    ("meeting-proposed", "mentee"): (None,),
    ("meeting-proposed", "mentor"): (None,),
    ("meeting-reminded", "mentee"): (None,),
    ("meeting-reminded", "mentor"): (None,),
    ("mentorship-began", "mentee"): (None,),
    ("mentorship-began", "mentor"): (None,),
    ("mentorship-continued", "mentee"): (None,),
    ("mentorship-continued", "mentor"): (None,),
    ("mentorship-ended", "mentee"): (*_ENDED, "repaired"),
    ("mentorship-ended", "mentor"): _ENDED,
    ("mentorship-introduction_ending", "mentee"): (None,),
    ("mentorship-introduction_ending", "mentor"): (None,),
    ("mentorship-period_ending", "mentee"): (None,),
    ("mentorship-period_ending", "mentor"): (None,),
    ("mentorship-questioned", "mentee"): (None,),
    ("mentorship-questioned", "mentor"): (None,),
    ("mentorship-return_due", "mentee"): (None,),
    ("mentorship-return_due", "mentor"): (None,),
    ("mentorship-return_planned", "mentee"): (None,),
    ("mentorship-return_planned", "mentor"): (None,),
    ("mentorship-silent", "mentee"): (None,),
    ("mentorship-silent", "mentor"): (None,),
    ("message-sent", "mentee"): (None,),
    ("message-sent", "mentor"): (None,),
    ("relationship-closed", "mentee"): (*get_args(ClosingReason), "mentor_left", "by_coordinator"),
    ("relationship-closed", "mentor"): (*get_args(ClosingReason), "mentee_left", "repaired", "by_coordinator"),
    ("relationship-opened", "mentee"): (None, "matched_in_round", "matched_by_coordinator"),
    ("relationship-opened", "mentor"): (None, "matched_in_round", "matched_by_coordinator"),
    ("relationship-paused", "mentee"): ("by_mentor", "mentor_inactive"),
    ("relationship-paused", "mentor"): ("by_mentee", "mentee_inactive"),
    ("relationship-resumed", "mentee"): (None,),
    ("relationship-resumed", "mentor"): (None,),
    ("request-accepted", "mentee"): (None,),
    ("request-declined", "mentee"): get_args(DecliningReason),
    ("request-expired", "mentee"): (None,),
    ("request-made", "mentor"): (None,),
    ("request-nudged", "mentor"): (None,),
    ("request-withdrawn", "mentee"): ("not_available",),
    ("request-withdrawn", "mentor"): (
        *("by_mentee", "matched_elsewhere", "matched_in_round", "matched_in_repair", "matched_by_coordinator"),
        "mentee_left",
    ),
}
"""By template and reader, the reasons that occur."""


def tables() -> Iterator[Table]:
    for locale in notifications.LOCALES:
        table = Table("template", "case", "title", "body", title=f"notifications, {locale}", show_lines=True)
        for template, case, change in changes(locale):
            text = message(change, locale)
            table.add_row(template, case, text.title, text.body)
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


def changes(locale: str) -> Iterator[tuple[str, str, domain.Change]]:
    """Template, case and sample of every notification."""
    for (template, side), reasons_ in PAIR_CASES.items():
        for reason in reasons_:
            yield template, f"{reason or ''} to the {side}".strip(), _pair_update(template, side, reason, at=_DAY)
        if template == "mentorship-return_planned":
            yield template, f"without a day, to the {side}", _pair_update(template, side, None, at=None)
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True)
    for file in sorted((_TEMPLATES / locale).glob("*.txt")):
        if file.stem == "words" or any(file.stem == template for template, _ in PAIR_CASES):
            continue
        known = _reasons(environment.parse(file.read_text(encoding="utf-8")))
        yield from _cases(file.stem, list(dict.fromkeys((*known, "not_available"))))


def _pair_update(template: str, side: Side, reason: str | None, *, at: datetime | None) -> domain.PairUpdate:
    return domain.PairUpdate(
        template=template, programme=_PROGRAMME, side=side, other=_ADA, reason=reason, is_accepted=True, at=at
    )


def _reasons(tree: nodes.Template) -> Iterator[str]:
    """The codes that a template has a sentence for: keys of its table, and constants that it compares with."""
    for table in tree.find_all(nodes.Dict):
        yield from (str(pair.key.value) for pair in table.items if isinstance(pair.key, nodes.Const))
    for comparison in tree.find_all(nodes.Compare):
        if isinstance(comparison.expr, nodes.Name) and comparison.expr.name == "reason":
            yield from (str(constant.value) for constant in comparison.find_all(nodes.Const))


_HINTS = frozenset(
    {"support-changed", "hearer-listed", "visit-reminded"}
    | {"group-opened", "group-changed", "group-mentee_removed", "group-reminded", "group-ended"}
)


def _cases(template: str, known: Collection[str]) -> Iterator[tuple[str, str, domain.Change]]:
    """`known`: the reasons that the template distinguishes."""
    if template == "suggestions-none":
        yield from ((template, reason, _list(unmatched=reason)) for reason in known)
    elif template == "suggestions-ended":
        yield template, "", _list("ada")
    elif template.startswith("suggestions"):
        yield template, "first list", _list(now=(_ADA, _STRANGER))
        yield template, "one new, one gone", _list("ada", "ben", now=(_ADA, _STRANGER))
        yield template, "new order", _list("ada", now=(_ADA,))
    elif template in _HINTS:
        yield template, "", domain.Hint(template=template)
    elif template.startswith("member-"):
        yield template, "", domain.Hint(template=template, programme=_PROGRAMME)
    elif template.startswith("erasure"):
        yield template, "", domain.ErasureNotice(template=template, due_at=_DAY)
    else:
        for reason in known:
            yield template, reason, domain.LeftOver(template=template, programme=_PROGRAMME, reason=reason)


def _list(*before: str, now: tuple[domain.Person, ...] = (), unmatched: str | None = None) -> domain.ListChange:
    return domain.ListChange(programme=_PROGRAMME, before=frozenset(before), now=now, unmatched=unmatched)


def message(change: domain.Change, locale: str) -> Message:
    """The text of a sample, with invented names."""
    notification = Notification(
        id="sample",
        recipient=Recipient(institution="north", member="mia"),
        occasion="sample",
        change=change,
        position=1,
        notified_at=datetime(2027, 1, 4, tzinfo=UTC),
    )
    return _WORDING.message(notification, locale=locale, zone=_ZONE, names=_NAMES)


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
