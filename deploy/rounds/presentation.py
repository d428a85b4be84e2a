"""Presents a result: tables on the terminal, a CSV file for a mail merge, a plot of ranks and load."""

import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from deploy.rounds.eligible import WHY as RULES
from deploy.rounds.eligible import Ranks
from deploy.rounds.spreadsheets import Sheets
from services.matching.repairs.domain.departed import RoundRepair
from services.matching.rounds.solver.files import Figures, Reason, RoundInput, RoundResult
from services.matching.rounds.solver.files import Unmatched as Left
from shared.contracts.matching import Unmatched
from shared.csv_lines import csv_line
from shared.spreadsheets.verdicts import grouped

Names = Mapping[str, tuple[str, str]]
"""Name and address by pseudonym; empty where only pseudonyms are known."""

WHY: Mapping[Reason, str] = {
    "no_wishes": "no mentor can be matched with this mentee",
    "excluded": "a coordinator excluded every possible mentor",
    "closed": "no possible mentor takes mentees (capacity 0)",
    "too_few": "too few mentees for the minimum group size of every possible mentor",
    "outranked": "every possible mentor is full with mentees whom they rank higher",
    "outweighed": "every possible seat went to a mentee for whom it counts more",
}
_SHOWN = 15
_MOST_WARNINGS = 20
_MAILING = (
    *("mentee", "mentee name", "mentee e-mail", "mentor", "mentor name", "mentor e-mail"),
    *("rank", "position", "note"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetFacts:
    """What the spreadsheets know besides the round's files; empty where only pseudonyms are known."""

    names: Names = field(default_factory=dict)
    shared_names: frozenset[str] = frozenset()
    """Names of several people, who are shown with their address."""
    impossible: Mapping[str, Sequence[int]] = field(default_factory=dict)
    chose: Ranks = field(default_factory=dict)
    forbids: Mapping[str, tuple[int, Unmatched | None]] = field(default_factory=dict)
    unmatchable: Mapping[str, Unmatched] = field(default_factory=dict)

    def why(self, mentee: str, reason: Reason) -> str:
        rule = self.unmatchable.get(mentee)
        return f"{WHY[reason]}: {RULES[rule]}" if reason == "no_wishes" and rule else WHY[reason]

    def name(self, id: str) -> str:
        name, address = self.names.get(id, (id, ""))
        return f"{name} <{address or id}>" if name in self.shared_names else name

    def impossible_before(self, mentee: str, mentor: str | None) -> int:
        """How many of the mentee's own choices before this mentor a rule forbids."""
        rank = self.chose.get(mentee, {}).get(mentor or "", len(self.chose.get(mentee, ())) + 1)
        return sum(other < rank for other in self.impossible.get(mentee, ()))


def facts_of(sheets: Sheets | None) -> SheetFacts:
    if sheets is None:
        return SheetFacts()
    people = {(name, address) for name, address in sheets.names.values()}
    counted = Counter(name for name, _ in people)
    return SheetFacts(
        names=sheets.names,
        shared_names=frozenset(name for name, count in counted.items() if count > 1),
        impossible=sheets.impossible,
        chose=sheets.mentees_chose,
        forbids=sheets.forbids,
        unmatchable=sheets.unmatchable,
    )


def warnings(sheets: Sheets) -> Iterator[str]:
    """At most twenty, and the rows that were left out."""
    yield from (f"warning: {warning}" for warning in sheets.warnings[:_MOST_WARNINGS])
    if len(sheets.warnings) > _MOST_WARNINGS:
        yield f"… and {len(sheets.warnings) - _MOST_WARNINGS} more warnings"
    for file in sheets.files:
        if file.refused:
            yield f"left out: {len(file.refused)} of {len(file.refused) + len(file.people)} rows of the {file.side}"
            kinds = grouped((row.line, row.reasons) for row in file.refused)
            yield from (f"  {error.field}: {error.message}" for error in kinds[:_MOST_WARNINGS])


def show(result: RoundResult, known: SheetFacts, console: Console) -> None:
    table = Table("", *(f"{name}{' (chosen)' if name == result.target else ''}" for name in ("fit", "coverage")))
    both = (result.figures.fit, result.figures.coverage)

    def row(label: str, cell: Callable[[Figures], str]) -> None:
        table.add_row(label, *(cell(figures) if figures else "" for figures in both))

    row("matched", lambda figures: str(figures.matched))
    if any(figures and figures.pairs is not None for figures in both):
        row("pairs", lambda figures: str(figures.pairs))
    row("first choices", lambda figures: _first_choices(figures, result, known))
    row("score", lambda figures: str(figures.score))
    row("mean rank", lambda figures: _thousandths(figures.mean_place_thousandths))
    row("load Gini", lambda figures: _thousandths(figures.load_gini_thousandths))
    console.print(table)
    _show_flow(result, console)
    _show_unmatched(result, known, console)
    _show_idle(result, known, console)


def _first_choices(figures: Figures, result: RoundResult, known: SheetFacts) -> str:
    """Without those whose own first choice was impossible. Who they are is known for the chosen target only."""
    if not known.impossible:
        return str(figures.first_choices)
    if figures is not (result.figures.fit if result.target == "fit" else result.figures.coverage):
        return ""
    firsts = [mentee for mentee in result.mentees if mentee.place == 1]
    return str(sum(known.impossible_before(mentee.id, mentee.mentor) == 0 for mentee in firsts))


def show_repair(plan: RoundRepair, console: Console) -> None:
    """Shows people by the pseudonyms in the round's files."""
    table = Table("mentee", "old mentor", "new mentor", "why", title="what changes (all others keep their mentor)")
    for step in plan.steps:
        for position, move in enumerate(step):
            table.add_row(move.mentee, move.leaves, move.mentor, "makes room" if position else "displaced")
    for left in plan.left_behind:
        table.add_row(left.mentee, left.leaves, "", f"left behind: {left.reason.replace('_', ' ')}")
    console.print(table)
    placed = f"{plan.displaced - len(plan.left_behind)} of {plan.displaced} displaced mentees placed"
    moved = f"{plan.bystanders_moved} bystanders moved, {plan.bystanders_at_most} at most"
    console.print(f"{placed}; {moved}; {plan.blocking_pairs} blocking pairs", highlight=False)


def _show_flow(result: RoundResult, console: Console) -> None:
    solutions = [figures for figures in (result.figures.fit, result.figures.coverage) if figures]
    counts = [
        {(flow.mentee_institution, flow.mentor_institution): flow.pairs for flow in figures.flow}
        for figures in solutions
    ]
    pairs = set().union(*counts)
    if len({institution for pair in pairs for institution in pair}) < 2:  # noqa: PLR2004 -- a flow needs two
        return
    targets = ("fit", "coverage") if len(solutions) > 1 else (result.target,)
    table = Table("mentees of", "mentors of", *targets, title="flow between institutions: pairs")
    largest = sorted(pairs, key=lambda pair: (-max(count.get(pair, 0) for count in counts), pair))
    for pair in largest[:_SHOWN]:
        table.add_row(*pair, *(str(count.get(pair, 0)) for count in counts))
    if rest := largest[_SHOWN:]:
        sums = (sum(count.get(pair, 0) for pair in rest) for count in counts)
        table.add_row(f"… and {len(rest)} more", "", *map(str, sums))
    console.print(table)


def _show_unmatched(result: RoundResult, known: SheetFacts, console: Console) -> None:
    if not result.unmatched:
        return
    table = Table("position", "mentee", "waiting days", "why", "what would change it", title="unmatched")
    for mentee in result.unmatched[:_SHOWN]:
        table.add_row(
            str(mentee.position),
            known.name(mentee.mentee),
            str(mentee.waiting_days),
            known.why(mentee.mentee, mentee.reason),
            _change(mentee, known, result),
        )
    if len(result.unmatched) > _SHOWN:
        table.add_row("", f"… and {len(result.unmatched) - _SHOWN} more", "", "", "")
    console.print(table)


def _change(unmatched: Left, known: SheetFacts, result: RoundResult) -> str:
    if not unmatched.opens:
        return "other wishes, a more complete profile, or one exclusion less"
    first = unmatched.opens[0]
    seats = f"{first.seats} more {'seat' if first.seats == 1 else 'seats'} with {known.name(first.mentor)}"
    return seats if result.target == "fit" else f"{seats} (for the waiting mentee who fits best)"


def _show_idle(result: RoundResult, known: SheetFacts, console: Console) -> None:
    """Mentors without a mentee, with the reason."""
    busy = {mentor.id for turn in result.turns for mentor in turn.mentors if mentor.mentees}
    idle = [mentor.id for mentor in result.mentors if mentor.id not in busy]
    closed = {
        row.mentor: f"closed: {row.held} mentees, and the minimum group size is {row.least_group}"
        for row in result.closed
    }
    if not idle:
        return
    table = Table("mentor", "why", title="mentors without a mentee")
    for id in idle[:_SHOWN]:
        table.add_row(known.name(id), closed.get(id) or _why_idle(id, known))
    if len(idle) > _SHOWN:
        table.add_row(f"… and {len(idle) - _SHOWN} more", "")
    console.print(table)


def _why_idle(mentor: str, known: SheetFacts) -> str:
    reached, rule = known.forbids.get(mentor, (1, None))
    if reached == 0:
        return f"no mentee can be matched: {RULES[rule]}" if rule else "there are no mentees"
    return "every mentee who could be matched has another mentor, or none on a list"


def why_no_pairs(result: RoundResult, round: RoundInput, known: SheetFacts) -> str | None:
    """Why nobody is matched, by the rule that rules out most; None if somebody is."""
    if any(mentee.mentor for mentee in result.mentees):
        return None
    if not round.mentees or not round.mentors:
        return f"nobody is matched: there are no {'mentors' if round.mentees else 'mentees'}"
    if any(mentee.wishes for mentee in round.mentees):
        closed = all(mentor.capacity == 0 for mentor in round.mentors)
        return "nobody is matched: " + ("every capacity is 0" if closed else "coordinators keep every pair apart")
    most = Counter(rule for _, rule in known.forbids.values() if rule)
    why = RULES[most.most_common(1)[0][0]] if most else "no mentee has a wish"
    return f"nobody may be matched: {why}"


def _thousandths(value: int) -> str:
    return f"{value // 1000}.{value % 1000:03}"


def mailing(result: RoundResult, known: SheetFacts) -> str:
    """One line for each mentee, by id, and then one for each further mentor. No spreadsheet program reads a cell as a
    formula.
    """
    lines, names = [csv_line(_MAILING)], known.names
    unmatched = {mentee.mentee: mentee for mentee in result.unmatched}
    for mentee in result.mentees:
        waiting = unmatched.get(mentee.id)
        note = ("pinned" if mentee.pinned else "") if waiting is None else known.why(mentee.id, waiting.reason)
        cells = (
            *(mentee.id, *names.get(mentee.id, ("", ""))),
            *(mentee.mentor or "", *names.get(mentee.mentor or "", ("", ""))),
            *(
                "" if mentee.place is None else str(mentee.place + known.impossible_before(mentee.id, mentee.mentor)),
                "" if waiting is None else str(waiting.position),
                note,
            ),
        )
        lines.append(csv_line(cells))
    for mentee in (mentee for turn in result.further for mentee in turn.mentees):
        if mentee.mentor is not None and mentee.place is not None:
            both = (
                *(mentee.id, *names.get(mentee.id, ("", ""))),
                *(mentee.mentor, *names.get(mentee.mentor, ("", ""))),
            )
            rank = str(mentee.place + known.impossible_before(mentee.id, mentee.mentor))
            lines.append(csv_line((*both, rank, "", "further mentor")))
    return "".join(lines)


def plot(result: RoundResult, round: RoundInput, suffix: str) -> bytes:
    """A PNG or SVG of the ranks that mentees got and of the mentors' load."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    drawing = Figure(figsize=(10, 4), layout="constrained")
    ranks, load = drawing.subplots(1, 2)
    every = (mentee.place for turn in result.turns for mentee in turn.mentees)
    places = Counter(place for place in every if place is not None)
    ranks.bar(list(places), list(places.values()), label="matched")
    ranks.bar([0], [len(result.unmatched)], label="unmatched")
    ranks.set(title=f"rank of the mentor ({result.target})", xlabel="rank (0: unmatched)", ylabel="mentees")
    capacity = {mentor.id: mentor.capacity for mentor in round.mentors}
    load_of = Counter(mentor.id for turn in result.turns for mentor in turn.mentors for _ in mentor.mentees)
    held = [(load_of[id], seats) for id, seats in capacity.items() if seats > 0]
    most = max((seats for _, seats in held), default=0)
    for free in (False, True):
        counted = Counter(people for people, seats in held if (people < seats) is free)
        below = Counter(people for people, seats in held if people == seats) if free else Counter[int]()
        load.bar(
            range(most + 1),
            [counted[people] for people in range(most + 1)],
            bottom=[below[people] for people in range(most + 1)],
            label="has a seat left" if free else "full",
        )
    load.set(title="load", xlabel="mentees", ylabel="mentors")
    for axes in (ranks, load):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
    file = io.BytesIO()
    drawing.savefig(file, format=suffix[1:], metadata={"Date": None} if suffix == ".svg" else None)
    return file.getvalue()
