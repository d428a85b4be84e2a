"""Applies rosters chunk by chunk: one process at a time, by lease."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from services.profiles.kernel.domain.aggregate import Versioned
from services.profiles.members.domain.members import Member
from services.profiles.programmes.usecases import ProgrammeRepository
from services.profiles.rosters.domain.merging import Outcome, merge, with_remark
from services.profiles.rosters.usecases import (
    CHUNK,
    NearestTerms,
    Roster,
    RosterRepository,
    RosterUndo,
    closed_programmes,
)
from shared.clock import Clock
from shared.leases import Lease

_ABANDONED = timedelta(minutes=15)


class RosterWorker:
    """One chunk of each roster in turn, so that a long roster delays no other."""

    def __init__(
        self,
        rosters: RosterRepository,
        programmes: ProgrammeRepository,
        undo: RosterUndo,
        nearest: NearestTerms,
        lease: Lease,
        clock: Clock,
    ) -> None:
        self._rosters = rosters
        self._nearest = nearest
        self._undo = undo
        self._programmes = programmes
        self._lease = lease
        self._clock = clock

    async def work(self) -> None:
        """Applies chunks until no roster waits; first, fails uploads that were cut off.

        A roster whose chunk fails is left for the next time, so that it does not hold up the others; raises its fault.
        """
        if not await self._lease.take():
            return
        for abandoned in await self._rosters.abandoned(self._clock.now() - _ABANDONED):
            await self._rosters.fail(abandoned)
        faults: dict[str, Exception] = {}
        while waiting := [roster for roster in await self._rosters.waiting() if roster.id not in faults]:
            for roster in waiting:
                if not await self._lease.take():
                    return
                try:
                    await self._apply_next_chunk(roster)
                except Exception as fault:  # noqa: BLE001 -- raised below, when the other rosters are applied
                    faults[roster.id] = fault
        await self._undo_imports()
        if faults:
            raise ExceptionGroup("rosters whose next chunk could not be applied", list(faults.values()))

    async def _apply_next_chunk(self, roster: Roster) -> None:
        chunk = await self._rosters.next_chunk(roster)
        if chunk is None:
            await self._rosters.finish(roster, self._clock.now())
            return
        named = {enrolment.programme for row in chunk.rows if row.profile for enrolment in row.profile.enrolments}
        job = roster.job(closed=frozenset(await closed_programmes(self._programmes, sorted(named), roster.institution)))

        specialties = {row.line: row.profile.specialty for row in chunk.rows if row.profile and row.profile.specialty}
        nearest = await self._nearest("specialty", set(specialties.values()), roster.institution)
        unknown = {line: nearest[word] for line, word in specialties.items() if word in nearest}

        def plan(known: Sequence[Versioned[Member]], taken: Mapping[int, str]) -> Sequence[Outcome]:
            outcomes = merge(chunk.rows, known, job, new_id=self._clock.new_id, taken=taken)
            return [with_remark(outcome, unknown.get(outcome.line)) for outcome in outcomes]

        await self._rosters.apply(roster, chunk, plan)

    async def _undo_imports(self) -> None:
        for roster in await self._rosters.undoing():
            while rows := await self._undo.next_rows(roster, limit=CHUNK):
                if not await self._lease.take():
                    return
                for row in rows:
                    await self._undo.undo(roster, row)
            await self._undo.finish(roster)
        await self._undo.forget_old(self._clock.now())
        await self._rosters.forget_cells(self._clock.now())
