"""Documents ↔ requests as numbers need them; mentorships are read where they are kept."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from services.mentorships.lifecycle.repository import MENTORSHIPS
from services.mentorships.meetings.repository import SERIES
from services.mentorships.numbers.domain import Ask, Course, Meetings, RequestOutcome
from services.mentorships.numbers.usecases import Span
from services.mentorships.projections.domain import Programme
from services.mentorships.projections.repository import PEOPLE, MongoProjections
from shared.clock import Clock
from shared.consuming.projection import Refused
from shared.contracts.envelope import Received
from shared.contracts.matching import AboutRequest, SuggestionsChanged
from shared.mongo import ASCENDING, Database, Document, IndexModel, Transaction, UpdateOne, ensure_indexes

ASKS, SUGGESTED = "asks", "suggested"
_OF_PROGRAMME = IndexModel(
    [("programme", ASCENDING), ("institutions", ASCENDING), ("made_at", ASCENDING)], name="of_programme"
)
_SUGGESTED_INDEXES = [
    IndexModel([("programme", ASCENDING), ("institution", ASCENDING), ("first_at", ASCENDING)], name="of_programme"),
    IndexModel([("member", ASCENDING)], name="of_member"),
]
_COURSE = dict.fromkeys(
    ("began_at", "introduction_ends_at", "activated_at", "first_met_at", "ended_at", "reason", "state", "silence"), 1
)


class MongoNumbers:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._projections = MongoProjections(database)

    async def prepare(self) -> None:
        await ensure_indexes(self._database[ASKS], [_OF_PROGRAMME])
        await ensure_indexes(self._database[SUGGESTED], _SUGGESTED_INDEXES)

    async def programme(self, id: str) -> Programme | None:
        return await self._projections.programme(id)

    async def suggested(self, institution: str, programme: str, span: Span) -> int:
        wanted = {"programme": programme, "institution": institution, **_within("first_at", span)}
        return await self._database[SUGGESTED].count_documents(wanted)

    async def asks(self, institution: str, programme: str, span: Span) -> Sequence[Ask]:
        wanted = {"programme": programme, "institutions": institution, **_within("made_at", span)}
        found = self._database[ASKS].find(wanted, {"made_at": 1, "outcome": 1})
        return [Ask(made_at=document["made_at"], outcome=document["outcome"]) async for document in found]

    async def courses(self, institution: str, programme: str, span: Span) -> Sequence[Course]:
        own = {"pair.programme": programme, "institutions": institution, "continued_in": {"$ne": institution}}
        wanted = {**own, **_within("began_at", span)}
        meetings = await self._meetings(institution, programme)
        return [
            _course(document, meetings[document["_id"]])
            async for document in self._database[MENTORSHIPS].find(wanted, _COURSE)
        ]

    async def _meetings(self, institution: str, programme: str) -> Mapping[str, Meetings]:
        """By mentorship."""
        wanted = {"pair.programme": programme, "institutions": institution}
        found: dict[str, Counter[str]] = defaultdict(Counter)
        async for series in self._database[SERIES].find(wanted, {"mentorship": 1, "outcomes": 1, "unknown": 1}):
            unanswered = set(series.get("unknown", ())) - set(series["outcomes"])
            found[series["mentorship"]].update([*series["outcomes"].values(), *("unknown" for _ in unanswered)])
        return defaultdict(Meetings, {mentorship: Meetings(**counts) for mentorship, counts in found.items()})

    def record(
        self, transaction: Transaction, received: Received, event: AboutRequest, outcome: RequestOutcome
    ) -> None:
        """A request that was made before this service read the topic counts from its first known event."""
        changed = {
            "programme": event.programme,
            "institutions": sorted({event.mentee.institution, event.mentor.institution}),
            "outcome": outcome,
        }
        new = {"made_at": received.envelope.time or self._clock.now()}
        transaction[ASKS].update_one(
            {"_id": event.request}, {"$set": changed, "$setOnInsert": new}, upsert=True, session=transaction.session
        )

    async def fold_suggested(self, received: Sequence[Received]) -> list[Refused]:
        """When a mentee's list first had a mentor; earlier lists than this service knows count from the first known.
        Without erased members.
        """
        lists = [
            (each.payload, each.envelope.time) for each in received if isinstance(each.payload, SuggestionsChanged)
        ]
        ids = [payload.mentee for payload, _ in lists]
        erased = set(await self._database[PEOPLE].distinct("_id", {"_id": {"$in": ids}, "erased": True}))
        writes = [
            UpdateOne({"_id": payload.enrolment}, {"$setOnInsert": self._suggested(payload, at)}, upsert=True)
            for payload, at in lists
            if payload.ranked and payload.mentee not in erased
        ]
        if writes:
            await self._database[SUGGESTED].bulk_write(writes, ordered=False)
        return []

    def _suggested(self, payload: SuggestionsChanged, at: datetime | None) -> Document:
        return {
            "member": payload.mentee,
            "programme": payload.programme,
            "institution": payload.institution,
            "first_at": at or self._clock.now(),
        }


async def export(database: Database, institution: str, member: str) -> Sequence[Document]:
    """Since when a member has been suggested mentors, by programme."""
    found = database[SUGGESTED].find({"institution": institution, "member": member}).sort("_id", ASCENDING)
    return [{"programme": document["programme"], "first_at": document["first_at"]} async for document in found]


def forget(transaction: Transaction, member: str) -> None:
    transaction[SUGGESTED].delete_many({"member": member}, session=transaction.session)


def _within(field: str, span: Span) -> Document:
    limits = {"$gte": span.begin, "$lt": span.end}
    given = {operator: moment for operator, moment in limits.items() if moment is not None}
    return {field: given} if given else {}


def _course(document: Document, meetings: Meetings) -> Course:
    return Course(
        began_at=document["began_at"],
        agreed_at=document["activated_at"] if document["introduction_ends_at"] else None,
        first_met_at=document.get("first_met_at"),
        ended_at=document["ended_at"],
        reason=document["reason"],
        is_silent=document["state"] == "active" and document["silence"] is not None,
        meetings=meetings,
    )
