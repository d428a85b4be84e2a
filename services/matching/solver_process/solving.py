"""Solves a frozen round: reads the files of its input and people, and writes those of its result and places."""

import json
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from services.matching.kernel.scoring import seed
from services.matching.rounds.solver import canonical
from services.matching.rounds.solver.files import MenteeResult, RoundResult, Target, parsed_input
from services.matching.rounds.solver.solving import solve
from services.matching.rounds.solver_folders import INPUT, PEOPLE, PLACES, RESULT

_OPENINGS = 5
"""So many are kept of what would change a mentee's place: the least first."""
_LAST_DAY = 99_999


def solve_round(target: Target, folder: Path) -> dict[str, Any]:
    is_new = _retarget(folder / INPUT, target)
    result = solve((folder / INPUT).read_bytes())
    (folder / RESULT).write_bytes(result.file())
    people = json.loads((folder / PEOPLE).read_bytes())
    mentors = {number: {"member": member, "institution": home} for number, member, home in people["mentors"]}
    mentees = {number: person for number, *person in people["mentees"]}
    lines = chain(_place_lines(result, mentees, mentors), _further_lines(result, mentees, mentors))
    with (folder / PLACES).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    return {
        "solver": result.solver,
        "is_input_new": is_new,
        "figures": result.figures.model_dump(mode="json"),
        "closed": [
            {"mentor": mentors[row.mentor], "least_group": row.least_group, "would_come": row.would_come}
            for row in result.closed
        ],
    }


def _retarget(path: Path, target: Target) -> bool:
    """The target is the last thing that a canonical input says."""
    content = path.read_bytes()
    if content.endswith(f'"target":"{target}"}}\n'.encode()):
        return False
    value = canonical.loaded(content, what="the input")
    path.write_bytes(parsed_input({**value, "target": target}).file())
    return True


def _place_lines(
    result: RoundResult, mentees: Mapping[str, Any], mentors: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Of the first turn: one line for each mentee, with the mentor, or with the reason and what would help."""
    unmatched_by_mentee = {unmatched.mentee: unmatched for unmatched in result.unmatched}
    for mentee in result.mentees:
        own_reason = mentees[mentee.id][-1]
        unmatched = unmatched_by_mentee.get(mentee.id)
        reason = unmatched.reason if unmatched else None
        yield {
            **_line(result, mentee, mentees, mentors),
            "number": mentee.id,
            "turn": 1,
            "reason": own_reason or reason if reason == "no_wishes" else reason,
            "opens": [
                {"mentor": mentors[opening.mentor], "seats": opening.seats}
                for opening in (unmatched.opens[:_OPENINGS] if unmatched else ())
            ],
        }


def _further_lines(
    result: RoundResult, mentees: Mapping[str, Any], mentors: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """One line for each further mentor. A mentee whom a further turn leaves over does not wait, and has no line. The
    numbers sort behind those of the first turn: publication settles first mentors first.
    """
    for turn, further in enumerate(result.further, 2):
        for mentee in further.mentees:
            if mentee.mentor:
                number = f"turn-{turn:02}-{mentee.id}"
                own = {"number": number, "turn": turn, "reason": None, "opens": []}
                yield {**_line(result, mentee, mentees, mentors), **own}


def _line(
    result: RoundResult, mentee: MenteeResult, mentees: Mapping[str, Any], mentors: Mapping[str, Any]
) -> dict[str, Any]:
    member, home, since, days, _ = mentees[mentee.id]
    return {
        "mentee": {"member": member, "institution": home},
        "mentor": mentors[mentee.mentor] if mentee.mentor else None,
        "choice": mentee.place,
        "pinned": mentee.pinned,
        "since": since,
        # The result's order of the unmatched: the longest wait first, then by lot.
        "order": f"{_LAST_DAY - days:05}.{seed(result.round, mentee.id):016x}.{mentee.id}",
    }
