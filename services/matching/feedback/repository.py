"""Stores mentees' ratings of their mentors, and counts them.

The transaction of a rating writes to the `seats` of both people, as a departure does: an erasure either finds the
rating, or aborts the transaction, which is then refused. Ratings of the same mentor are counted sequentially.
"""

from services.matching.feedback import domain
from services.matching.feedback.documents import ANSWER_INDEXES, ANSWERS, EXPERIENCES, counting, sum_of
from services.matching.feedback.domain import Rating, Sum
from services.matching.kernel.pairs import Pair
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.repository.decisions import seat_lock, write_all
from services.matching.mentoring.repository.pairs import RELATIONSHIPS, SEATS, relationship_of
from services.matching.projections import people
from services.matching.projections.repository import PARTICIPANTS
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import Conflict, StaleVersion
from shared.mongo import Database, Document, DuplicateKeyError, Transaction, ensure_indexes, in_transaction


class MongoAnswerRepository:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def prepare(self) -> None:
        await ensure_indexes(self._database[ANSWERS], ANSWER_INDEXES)
        await ensure_indexes(self._database[EXPERIENCES], [])

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await people.signed_in(self._database, institution, subject_hash)

    async def relationship(self, institution: str, id: str) -> Relationship | None:
        document = await self._database[RELATIONSHIPS].find_one({"_id": id, "institutions": institution})
        return relationship_of(document) if document else None

    async def rating(self, relationship: Relationship) -> Rating | None:
        known = {"_id": _of(relationship.pair), "institution": relationship.pair.mentee.institution}
        found = await self._database[ANSWERS].find_one(known)
        return _rating(found) if found else None

    async def answer(self, relationship: Relationship, rating: Rating, trace: Trace) -> Rating:
        def body(transaction: Transaction) -> Rating:
            known = transaction[ANSWERS].find_one({"_id": _of(relationship.pair)}, session=transaction.session)
            if known is not None:
                return _rating(known)
            _hold_both(transaction, relationship)
            answer = _answer(relationship, rating) | {"at": self._clock.now()}
            transaction[ANSWERS].insert_one(answer, session=transaction.session)
            self._count(transaction, relationship, trace)
            return rating

        try:
            return await in_transaction(self._database, body)
        except DuplicateKeyError:  # a concurrent request has stored it
            raise StaleVersion(found=1, expected=0) from None

    def _count(self, transaction: Transaction, relationship: Relationship, trace: Trace) -> None:
        mentor, answers, experiences = relationship.pair.mentor, transaction[ANSWERS], transaction[EXPERIENCES]
        session = transaction.session
        waiting = {"mentor": mentor.member, "group": None}
        new = [document["rating"] for document in answers.find(waiting, session=session)]
        if not domain.is_group(new):
            return
        before = sum_of(experiences.find_one({"_id": mentor.member}, session=session))
        counted = domain.count(new, before, _all_ratings(transaction) - before)
        group = self._clock.new_id()
        answers.update_many(waiting, {"$set": {"group": group}}, session=session)
        traced = {"event": group, "correlation": trace.correlation_id}
        fields = {"institution": mentor.institution, "parties": [], **counting(counted), **traced}
        changed = {"$set": fields, "$inc": {"version": 1}}
        experiences.update_one({"_id": mentor.member}, changed, upsert=True, session=session)


def _hold_both(transaction: Transaction, relationship: Relationship) -> None:
    both = (relationship.pair.mentee, relationship.pair.mentor)
    wanted = {"_id": {"$in": [party.member for party in both]}, "erased": False}
    if transaction[PARTICIPANTS].count_documents(wanted, session=transaction.session) < len(both):
        raise Conflict("not_available", "the mentee or the mentor is no longer a member")
    write_all(transaction, SEATS, [seat_lock(party.member, institution=party.institution) for party in both])


def _all_ratings(transaction: Transaction) -> Sum:
    """The sum of all mentors. To exclude the mentor in the query took twice as long."""
    stages: list[Document] = [
        {"$group": {"_id": None, "answers": {"$sum": "$answers"}, "total": {"$sum": "$total"}}},
    ]
    return sum_of(next(iter(transaction[EXPERIENCES].aggregate(stages, session=transaction.session)), None))


def _of(pair: Pair) -> str:
    """The id of a mentee's rating of a mentor: one, however many relationships they had."""
    return f"{pair.mentor.member}.{pair.mentee.member}"


def _answer(relationship: Relationship, rating: Rating) -> Document:
    pair = relationship.pair
    return {
        "_id": _of(pair),
        "institution": pair.mentee.institution,
        "parties": [pair.mentee.member],
        "mentor": pair.mentor.member,
        "rating": rating,
        "group": None,
    }


def _rating(document: Document) -> Rating:
    rating: Rating = document["rating"]
    return rating
