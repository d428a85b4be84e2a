"""The solver process turns a result into places: one for each mentee of the first turn and each further mentor."""

import json
from pathlib import Path
from typing import Any

from services.matching.rounds.solver_folders import INPUT, PEOPLE, PLACES
from services.matching.solver_process.solving import solve_round
from tests.unit.rounds_kit import content, document, mentee, mentor, wish

SINCE = "2027-01-04T09:00:00+00:00"


def solved(folder: Path, given: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The answer, and the places by number."""
    (folder / INPUT).write_bytes(content(given))
    people = {
        "mentors": [[who["id"], f"member-{who['id']}", "north"] for who in given["mentors"]],
        "mentees": [[who["id"], f"member-{who['id']}", "north", SINCE, 3, None] for who in given["mentees"]],
    }
    (folder / PEOPLE).write_text(json.dumps(people))
    answer = solve_round("fit", folder)
    places = [json.loads(line) for line in (folder / PLACES).read_text().splitlines()]
    return answer, sorted(places, key=lambda place: str(place["number"]))


def test_a_mentee_has_a_place_for_each_mentor_first_ones_first(tmp_path: Path) -> None:
    wanting = mentee("mentee-1", wish("mentor-1", 1), wish("mentor-2", 2, mentor_rank=1), mentors_wanted=3)
    served = mentee("mentee-2", wish("mentor-2", 1, mentor_rank=2), has_mentor=True)
    mentors = [mentor("mentor-1"), mentor("mentor-2", 1)]
    _, places = solved(tmp_path, document(mentors, [wanting, served, mentee("mentee-3")]))
    numbers = [(place["number"], place["turn"]) for place in places]
    assert numbers == [("mentee-1", 1), ("mentee-3", 1), ("turn-02-mentee-1", 2)]
    assert [place["mentor"] and place["mentor"]["member"] for place in places] == [
        "member-mentor-1",
        None,
        "member-mentor-2",
    ]
    assert [place["reason"] for place in places] == [None, "no_wishes", None]


def test_closed_mentors_are_named_by_their_member_id(tmp_path: Path) -> None:
    alone = mentee("mentee-1", wish("mentor-1"))
    answer, [place] = solved(tmp_path, document([mentor("mentor-1", 3, least_group=2)], [alone]))
    closed = {"mentor": {"member": "member-mentor-1", "institution": "north"}, "least_group": 2, "would_come": 1}
    assert answer["closed"] == [closed]
    assert (place["mentor"], place["reason"]) == (None, "too_few")
