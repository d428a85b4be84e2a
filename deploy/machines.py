"""Draws the state machines of mentorships into docs/mentorships.md, from the tables of the code: `./dev machines`."""

from pathlib import Path

from services.mentorships.agreements.domain.states import MACHINE as AGREEMENT
from services.mentorships.flash.domain import MACHINE as FLASH
from services.mentorships.goals.domain import MACHINE as GOAL
from services.mentorships.groups.domain import MACHINE as GROUP
from services.mentorships.lifecycle.domain import MACHINE as MENTORSHIP
from services.mentorships.meetings.domain.states import MACHINE as MEETINGS
from services.mentorships.outreach.domain import MACHINE as OUTREACH

PAGE = Path(__file__).parent.parent / "docs" / "mentorships.md"
MACHINES = (MENTORSHIP, AGREEMENT, MEETINGS, GOAL, FLASH, OUTREACH, GROUP)
_BEGIN, _END = "<!-- drawn: ./dev machines -->", "<!-- end of the drawings -->"


def drawn(page: str) -> str:
    """The page with its drawings renewed."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"the page needs the lines {_BEGIN} and {_END}")
    drawings = "\n\n".join(
        f"**{machine.name.replace('_', ' ').capitalize()}**\n\n```mermaid\n{machine.as_mermaid()}\n```"
        for machine in MACHINES
    )
    return f"{before}{_BEGIN}\n\n{drawings}\n\n{_END}{after}"


def write() -> None:
    PAGE.write_text(drawn(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
