"""Moves the sign-ins of an institution's members from one issuer to another, when its identity provider changes.

    python -m deploy.issuers move OLD NEW --institution ID --accounts FILE --dry-run
    python -m deploy.issuers move OLD NEW --institution ID --accounts FILE

FILE is a CSV file in UTF-8 with the columns `old_sub` and `new_sub` (`sub` at the old issuer and at the new one), or
`email` and `new_sub`. By address nobody can check that a member signed in at OLD: list nobody who signs in elsewhere.
Reads the settings of profiles (`PROFILES_MONGO_URI`, `PROFILES_ISSUERS_FILE`, …), in its container too. Each move is
recorded in the audit. Profiles must be running, to publish.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from deploy.operators import end, issuers_of, operator, run_with_store, say
from services.profiles.invitations.repository.sign_ins import MongoSignInRepository
from services.profiles.invitations.usecases.moving import Account, IssuerMove, Outcome, SignInMover
from shared.clock import SystemClock
from shared.contracts.envelope import Trace
from shared.identifiers import Email
from shared.mongo import Database

_LINES_SHOWN = 20
_MEANING: dict[Outcome, str] = {
    "moved": "moved",
    "moved_before": "moved before: nothing to do",
    "unknown": "no member of the institution has this sign-in or address",
    "without_sign_in": "the member has no sign-in: invite them",
    "taken": "another member has the new sign-in",
    "repeated": "several lines name this person",
}
_EMAIL: TypeAdapter[str] = TypeAdapter(Email)
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def commands() -> None:
    """Of the issuers at which people sign in."""


@app.command()
def move(
    old: Annotated[str, typer.Argument(help="the issuer of the sign-ins until now, exactly as in `iss`")],
    new: Annotated[str, typer.Argument(help="the issuer from now on; it must be registered for the institution")],
    *,
    institution: Annotated[str, typer.Option(help="whose members are moved")],
    accounts: Annotated[
        Path, typer.Option(help="CSV with old_sub,new_sub or email,new_sub", exists=True, dir_okay=False)
    ],
    dry_run: Annotated[bool, typer.Option(help="show what would be done, and change nothing")] = False,
) -> None:
    """Moves what can be moved, and names the lines of the rest. The same file again changes nothing."""
    if old == new:
        end("OLD and NEW are the same issuer")
    if not any(entry.issuer == new and entry.speaks_for(institution) for entry in issuers_of("profiles")):
        end(f"{new} is not registered for {institution}: add it to PROFILES_ISSUERS_FILE first")
    by_email, listed = _accounts(accounts)
    wanted = IssuerMove(institution=institution, old=old, new=new, by_email=by_email)

    async def work(database: Database) -> list[str]:
        clock = SystemClock()
        repository = MongoSignInRepository(database, clock, operator=operator())
        mover = SignInMover(repository, wanted, dry_run=dry_run)
        outcomes = await mover.move_all(listed, Trace(correlation_id=clock.new_id()))
        return [
            _described(outcome, [line for line, found in outcomes.items() if found == outcome]) for outcome in _MEANING
        ]

    for line in filter(None, run_with_store("profiles", work)):
        say(line)
    if by_email:
        say(
            f"by address it is not checked whether these members signed in at {old}: list nobody who signs in elsewhere"
        )
    if dry_run:
        say("nothing was changed")


def _described(outcome: Outcome, lines: Sequence[int]) -> str:
    if not lines or outcome in {"moved", "moved_before"}:
        return f"{len(lines)} {_MEANING[outcome]}" if lines or outcome == "moved" else ""
    shown = ", ".join(map(str, lines[:_LINES_SHOWN]))
    more = f" and {len(lines) - _LINES_SHOWN} more" if len(lines) > _LINES_SHOWN else ""
    return f"{len(lines)} not moved ({_MEANING[outcome]}): line {shown}{more}"


def _accounts(path: Path) -> tuple[bool, list[Account]]:
    """Whether the file names members by e-mail address, and its accounts."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns = reader.fieldnames or []
            named = [name for name in ("old_sub", "email") if name in columns]
            if "new_sub" not in columns or len(named) != 1:
                end(f"{path.name} must have the columns old_sub,new_sub or email,new_sub")
            return named == ["email"], [_account(row, named[0], reader.line_num) for row in reader]
    except (UnicodeDecodeError, csv.Error):
        end(f"{path.name} is not a CSV file in UTF-8")


def _account(row: dict[str, str | None], column: str, line: int) -> Account:
    old, subject = (row[column] or "").strip(), (row["new_sub"] or "").strip()
    if not old or not subject:
        end(f"line {line} has no {'new_sub' if old else column}")
    return Account(line=line, old=_address(old, line) if column == "email" else old, subject=subject)


def _address(text: str, line: int) -> str:
    try:
        return _EMAIL.validate_python(text)
    except ValidationError:
        end(f"line {line} has no e-mail address in `email`")


if __name__ == "__main__":
    app()
