"""The numbers of a programme's page, by five questions, each with the page on which something can be done. Pure."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.web.clients.courses import Course, Mean, Numbers
from services.web.clients.matching import Relationship, Request, Round
from services.web.clients.profiles import Member
from services.web.labels import N_

_OLD = "10-"
"""Requests that have waited for ten days or more, as mentorships counts them by age."""
_STATES = ("introduction", "introduction_paused", "active", "paused")
PERIODS = ("day_30", "day_90", "day_180", "end")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number out of `of`; `page` is the end of the address of the programme's page with what it counts."""

    label: str
    count: int
    of: int = 0
    page: str = ""
    action: str = ""


def joined(members: Sequence[Member], programme: str) -> Sequence[Figure]:
    """Who has signed in, by role."""
    return [
        Figure(label=label, count=sum(member.has_sign_in for member in found), of=len(found))
        for role, label in (("mentor", N_("Mentors who have joined")), ("mentee", N_("Mentees who have joined")))
        if (found := in_role(members, programme, role))
    ]


def in_role(members: Sequence[Member], programme: str, role: str) -> Sequence[Member]:
    return [
        member
        for member in members
        if any(enrolment.programme == programme and role in enrolment.roles for enrolment in member.enrolments)
    ]


def not_joined(members: Sequence[Member]) -> Sequence[Member]:
    return [member for member in members if not member.has_sign_in]


def matched(
    mentees: Collection[str],
    relationships: Sequence[Relationship],
    requests: Sequence[Request],
    unmatched: Collection[str],
) -> Sequence[Figure]:
    """Each mentee counts once: with a mentor, else waiting for an answer, else with nobody to ask, else free to ask."""
    everyone = set(mentees)
    having = {each.mentee.member for each in relationships if each.state != "closed"} & everyone
    asking = {each.mentee.member for each in requests} & everyone - having
    without = set(unmatched) & everyone - having - asking
    free = everyone - having - asking - without
    rows = [
        (N_("Have a mentor"), having, "/mentorships", N_("See the mentorings")),
        (N_("Have asked, and wait for an answer"), asking, "/requests", N_("See the requests")),
        (N_("Have suggestions, and have not asked"), free, "/rounds", N_("Match them in a round")),
        (N_("Have nobody on their list"), without, "/waiting", N_("See why")),
    ]
    return [
        Figure(label=label, count=len(found), of=len(everyone), page=page, action=action if found else "")
        for label, found, page, action in rows
    ]


def states(courses: Sequence[Course]) -> Mapping[str, int]:
    """Open mentorships by state, in the order of a mentorship's course."""
    found = Counter(course.state for course in courses)
    return {state: found[state] for state in _STATES if found[state]}


def steps(numbers: Numbers) -> Sequence[Figure]:
    """From the first suggestion to a good end. Mentorships that a round began have no request: they count from the
    beginning.
    """
    return [
        Figure(label=N_("Mentees who were first suggested a mentor"), count=numbers.suggested, of=numbers.suggested),
        Figure(label=N_("Requests that were made"), count=numbers.asked, of=numbers.asked),
        Figure(label=N_("… and were accepted"), count=numbers.accepted, of=numbers.asked),
        Figure(label=N_("Mentorings that began"), count=numbers.began, of=numbers.began),
        Figure(label=N_("… with an agreement"), count=numbers.agreed, of=numbers.began),
        Figure(label=N_("… and a meeting within 30 days of it"), count=numbers.met_within_30_days, of=numbers.began),
        Figure(label=N_("… and 90 days together"), count=numbers.together_after_90_days, of=numbers.began),
        Figure(label=N_("Ended well"), count=numbers.ended_well, of=numbers.began),
    ]


def table_of(means: Sequence[Mean], side: str) -> Mapping[str, Mapping[str, Mean]]:
    """By statement and period."""
    found: dict[str, dict[str, Mean]] = {}
    for mean in means:
        if mean.by == side:
            found.setdefault(mean.statement, {})[mean.period] = mean
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """What the parts of the page have found; None where a part could not be read."""

    relationships: Sequence[Relationship] | None = None
    numbers: Numbers | None = None
    rounds: Sequence[Round] | None = None
    reports: int | None = None
    members: Sequence[Member] | None = None
    unmatched: int | None = None


def to_do(today: Today) -> Iterator[Figure]:
    """What needs the coordinator now, the most urgent first; nothing that counts 0."""
    conflicts = sum(bool(each.conflict) and each.state != "closed" for each in today.relationships or ())
    ready = sum(each.state == "pending" for each in today.rounds or ())
    old = today.numbers.unanswered.get(_OLD, 0) if today.numbers else 0
    silent = today.numbers.silent if today.numbers else 0
    absent = len(not_joined(today.members or ()))
    rows = [
        (N_("Mentorings in which one assesses the other"), conflicts, "/mentorships", N_("See the mentorings")),
        (N_("Messages that were reported"), today.reports or 0, "/reports", N_("Read them")),
        (N_("Rounds that are ready to be published"), ready, "/rounds", N_("Publish or drop")),
        (N_("Requests without an answer for 10 days or more"), old, "/requests", N_("See whom to remind")),
        (N_("Mentorings in which the two have not met for long"), silent, "/courses", N_("See whom to ask")),
        (N_("Mentees with nobody on their list"), today.unmatched or 0, "/waiting", N_("See why")),
        (N_("People who have not joined"), absent, "/invitations", N_("Invite them")),
    ]
    for label, count, page, action in rows:
        if count:
            yield Figure(label=label, count=count, page=page, action=action)
