"""An import is undone within a day. Pure: what can be undone, and what a row changes back.

Each row is undone alone: a member who was changed since stays as they are. A member whom the import added is
erased; a member whom it changed gets the earlier values back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from shared.errors import Conflict

UNDO_TIME = timedelta(days=1)
Undone = Literal["undone", "left"]
"""`left`: the member was changed since, or an earlier value belongs to somebody else by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowUndo:
    """What undoing one row needs."""

    row: str
    member: str
    version: int
    """Of the member as the import left them: another one means that they were changed since."""
    values: Mapping[str, Any] | None
    """The member's earlier values, as stored, of what the import changed; None for a member whom it added."""
    tries: int
    """How often an earlier value was found taken: another row of the import may give it back later."""


def require_undoable(*, dry_run: bool, state: str, finished_at: datetime | None, now: datetime) -> None:
    """Raises `Conflict`."""
    if dry_run:
        raise Conflict("roster_tried_only", "this was a dry run: it changed nothing")
    if state != "done" or finished_at is None:
        raise Conflict("roster_not_done", f"the roster is {state}: an import can be undone once it is done")
    if now >= finished_at + UNDO_TIME:
        raise Conflict("roster_undo_over", "an import can be undone for a day: mend the file and import it again")
