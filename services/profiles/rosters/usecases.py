"""Receives a roster: checks the file and stores it in chunks, which the worker applies, each in one transaction.

A chunk is deleted in the transaction that writes its members, facts and verdicts, so any process can continue.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import IO, Literal, Protocol

from services.profiles.kernel.domain.aggregate import Versioned
from services.profiles.members.domain.members import Member
from services.profiles.members.usecases import affiliations_refused
from services.profiles.programmes.usecases import ProgrammeRepository
from services.profiles.rosters.domain import reading
from services.profiles.rosters.domain.fields import ROSTER
from services.profiles.rosters.domain.merging import Import, Outcome, Verdict
from services.profiles.rosters.domain.reading import Row
from services.profiles.rosters.domain.undoing import UNDO_TIME, RowUndo, Undone, require_undoable
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.profiles import TermKind
from shared.errors import FieldError, Forbidden, NotFound, Rejected
from shared.offloop import off_loop
from shared.principal import Principal
from shared.scope import Scope
from shared.spreadsheets import mapping
from shared.spreadsheets.mapping import Section
from shared.spreadsheets.verdicts import Reason, file_refused

State = Literal["receiving", "waiting", "done", "failed", "undoing", "undone"]
CELLS_KEPT = timedelta(days=30)
"""How long the cells of refused rows are kept, which may name people who are no members."""
CHUNK = 250
"""Rows in one transaction: a quarter of the fastest number, so that other requests do not wait long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the coordinator has decided about people whom the institution has known before."""

    reactivate: bool = False
    """Inactive members in the file become active again."""
    same_person: frozenset[str] = frozenset()
    """Staff numbers in the file, each the new one of the member who has the row's e-mail address."""


NO_ANSWERS = Answers()


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    id: str
    scope: Scope
    """The sender's scope: rows change nothing outside it; reading the roster needs at least this scope."""
    section: str
    dry_run: bool
    authoritative: frozenset[str]
    created_at: datetime
    trace: Trace
    state: State = "receiving"
    rows: int = 0
    titles: tuple[str, ...] = ()
    """Of the file's columns."""
    counts: Mapping[Verdict, int] = field(default_factory=dict)
    finished_at: datetime | None = None
    answers: Answers = NO_ANSWERS
    undone: Mapping[Undone, int] = field(default_factory=dict)
    """Rows, while the import is undone and after it."""

    def undo_until(self) -> datetime | None:
        """None where it cannot be undone."""
        is_undoable = self.state == "done" and not self.dry_run and self.finished_at is not None
        return self.finished_at + UNDO_TIME if is_undoable and self.finished_at else None

    @property
    def institution(self) -> str:
        return self.scope.institution

    def job(self, *, closed: frozenset[str]) -> Import:
        return Import(
            roster=self.id,
            scope=self.scope,
            authoritative=self.authoritative,
            closed=closed,
            reactivate=self.answers.reactivate,
            same_person=self.answers.same_person,
        )


@dataclass(frozen=True, slots=True)
class Chunk:
    id: str
    rows: Sequence[Row]
    borrowed: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Lines that belong to other chunks, by the chunk's id: their members give up addresses that other rows need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """The outcome of one row. `member` is the person of the row, where known."""

    line: int
    verdict: Verdict
    member: str | None
    reasons: tuple[Reason, ...]
    kept: tuple[str, ...]
    undone: Undone | None = None
    cells: tuple[str, ...] = ()
    """Of a refused row, as in the file; empty after `CELLS_KEPT`, and for a row that is too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFilter:
    verdict: Verdict | None = None
    remarks: bool = False
    """Only rows that are not refused and have a reason: what the coordinator should know of them."""
    undone: Undone | None = None


Plan = Callable[[Sequence[Versioned[Member]], Mapping[int, str]], Sequence[Outcome]]


class NearestTerms(Protocol):
    async def __call__(
        self, kind: TermKind, words: Collection[str], institution: str, /
    ) -> Mapping[str, Sequence[str]]:
        """By word that the network's vocabulary does not have: the ids of the most similar terms."""


class RosterRepository(Protocol):
    async def begin(self, roster: Roster) -> Roster:
        """The roster of this id: new, or as an earlier attempt left it, without chunks if that was cut off."""

    async def keep(self, roster: Roster, number: int, rows: Sequence[Row]) -> None: ...

    async def received(self, roster: Roster, rows: int, titles: Sequence[str]) -> Roster:
        """Hands the roster to the worker. Raises `Conflict` if it was taken for abandoned meanwhile."""

    async def discard(self, roster: Roster) -> None: ...

    async def find(self, scope: Scope, id: str) -> Roster | None:
        """Finds rosters of the scope or a part of it."""

    async def page(self, scope: Scope, before: tuple[datetime, str] | None, limit: int) -> Sequence[Roster]:
        """As `find`, newest first."""

    async def verdicts(
        self, institution: str, id: str, wanted: RowFilter, after: int, limit: int
    ) -> Sequence[RowResult]: ...

    async def waiting(self) -> Sequence[Roster]:
        """Of all institutions, oldest first."""

    async def undoing(self) -> Sequence[Roster]:
        """The same of those that are being undone."""

    async def abandoned(self, before: datetime) -> Sequence[Roster]:
        """Uploads that were cut off."""

    async def fail(self, roster: Roster) -> None: ...

    async def next_chunk(self, roster: Roster) -> Chunk | None: ...

    async def apply(self, roster: Roster, chunk: Chunk, plan: Plan) -> None:
        """Writes members, facts, verdicts and counts and deletes the chunk, in one transaction; nothing if gone."""

    async def finish(self, roster: Roster, at: datetime) -> None: ...

    async def forget_cells(self, now: datetime) -> None:
        """Deletes the cells of rows that were refused `CELLS_KEPT` ago."""


class RosterUndo(Protocol):
    async def begin(self, roster: Roster) -> None: ...

    async def next_rows(self, roster: Roster, *, limit: int) -> Sequence[RowUndo]:
        """Rows that are not undone yet; those whose earlier value was found taken come last."""

    async def undo(self, roster: Roster, row: RowUndo) -> None:
        """Undoes one row, or marks it as left, in one transaction."""

    async def finish(self, roster: Roster) -> None: ...

    async def forget_old(self, now: datetime) -> None:
        """Deletes what undoing needs of imports that are a day old."""


class RosterIntake:
    def __init__(
        self,
        rosters: RosterRepository,
        programmes: ProgrammeRepository,
        undo: RosterUndo,
        *,
        clock: Clock,
        max_rows: int,
    ) -> None:
        self._rosters = rosters
        self._undo = undo
        self._programmes = programmes
        self._clock = clock
        self._max_rows = max_rows

    async def receive(  # noqa: PLR0913 -- what an upload consists of
        self,
        me: Principal,
        *,
        id: str,
        file: IO[bytes],
        mapping_text: bytes,
        section_name: str,
        dry_run: bool,
        trace: Trace,
        answers: Answers = NO_ANSWERS,
    ) -> Roster:
        """Raises `Rejected` for a file or a mapping that is wrong as a whole; nothing is stored then."""
        me.require("coordinator", "integrator")
        if answers != NO_ANSWERS:
            me.require("coordinator")
        known = await self._rosters.find(me.scope, id)
        if known is not None and known.state != "receiving":  # the client repeats the request after a crash
            return known
        section = await off_loop(mapping.parse, mapping_text, section_name, ROSTER)
        await self._refuse_programmes(me, section)
        roster = await self._rosters.begin(
            Roster(
                id=id,
                scope=me.scope,
                section=section_name,
                dry_run=dry_run,
                authoritative=frozenset(section.authoritative),
                created_at=self._clock.now(),
                trace=trace,
                answers=answers,
            )
        )
        return roster if roster.state != "receiving" else await self._keep(roster, file, section)

    async def undo(self, me: Principal, id: str) -> Roster:
        """By a coordinator, within a day. Idempotent."""
        me.require("coordinator")
        roster = await self.see(me, id)
        if roster.state in ("undoing", "undone"):
            return roster
        require_undoable(
            dry_run=roster.dry_run, state=roster.state, finished_at=roster.finished_at, now=self._clock.now()
        )
        await self._undo.begin(roster)
        return await self.see(me, id)

    async def see(self, me: Principal, id: str) -> Roster:
        me.require("coordinator", "integrator")
        roster = await self._rosters.find(me.scope, id)
        if roster is None:
            raise NotFound("roster_not_found", "there is no roster with this id")
        return roster

    async def page(self, me: Principal, *, before: tuple[datetime, str] | None, limit: int) -> Sequence[Roster]:
        me.require("coordinator", "integrator")
        return await self._rosters.page(me.scope, before, limit)

    async def verdicts(
        self, me: Principal, id: str, wanted: RowFilter, *, after: int, limit: int
    ) -> Sequence[RowResult]:
        roster = await self.see(me, id)
        return await self._rosters.verdicts(me.home, roster.id, wanted, after, limit)

    async def _keep(self, roster: Roster, file: IO[bytes], section: Section) -> Roster:
        try:
            opened = await off_loop(reading.open_roster, file, section)
            kept = await self._keep_rows(roster, opened.rows)
        except BaseException:  # also if a chunk cannot be stored: the worker never sees half a roster
            await self._rosters.discard(roster)
            raise
        return await self._rosters.received(roster, kept, opened.titles)

    async def _keep_rows(self, roster: Roster, rows: Iterable[Row]) -> int:
        """Returns the number of rows."""
        unread = iter(rows)
        kept = 0
        while chunk := await off_loop(_next_rows, unread):
            if kept + len(chunk) > self._max_rows:
                raise file_refused(f"has more than {self._max_rows} rows: send it in parts")
            await self._rosters.keep(roster, kept // CHUNK, chunk)
            kept += len(chunk)
        if not kept:
            raise file_refused("has column names and nothing below them: add a row for each person")
        return kept

    async def _refuse_programmes(self, me: Principal, section: Section) -> None:
        named = [enrol.programme for enrol in section.enrol]
        if "affiliations" in section.fields and not me.scope.is_whole:
            raise affiliations_refused()
        if not (me.scope.covers_any(named) and me.scope.covers_all(named)):
            raise Forbidden(
                "role_required",
                f"you may enrol only in {', '.join(sorted(me.scope.programmes))}: change `enrol` in the mapping",
            )
        if closed := await closed_programmes(self._programmes, named, me.home):
            wrong = FieldError(
                "enrol", f"these are not active programmes that admit the institution: {', '.join(closed)}"
            )
            raise Rejected("mapping_invalid", "the mapping cannot be used: see errors; nothing was imported", (wrong,))


def _next_rows(rows: Iterator[Row]) -> list[Row]:
    return list(islice(rows, CHUNK))


async def closed_programmes(programmes: ProgrammeRepository, named: Sequence[str], institution: str) -> list[str]:
    """The programmes among `named` that are not active or do not admit the institution."""
    admitting = await programmes.named(named, institution) if named else []
    is_open = {programme.id for programme in admitting if programme.status == "active"}
    return [programme for programme in named if programme not in is_open]
