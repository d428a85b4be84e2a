"""Documents of mentees' ratings, and of each mentor's level, which the index follows."""

from collections import defaultdict
from collections.abc import Sequence
from sys import intern

from services.matching.feedback import domain
from services.matching.feedback.domain import Counted, Rating, Sum
from services.matching.kernel.participants import Experience
from services.matching.mentoring.domain.departures import Departure
from shared.mongo import ASCENDING, Document, IndexModel, Transaction

ANSWERS, EXPERIENCES = "experience_answers", "experiences"
ANSWER_INDEXES = [
    IndexModel([("mentor", ASCENDING)], name="of_mentor"),
    IndexModel([("parties", ASCENDING)], name="by_party"),
    IndexModel([("group", ASCENDING)], name="of_group", partialFilterExpression={"group": {"$type": "string"}}),
]


def experience_of(document: Document) -> Experience:
    return Experience(mentor=intern(document["_id"]), sequence=document["version"], level=document["level"])


def counting(counted: Counted) -> Document:
    return {"level": counted.level, "answers": counted.sum.answers, "total": counted.sum.total}


def sum_of(document: Document | None) -> Sum:
    return Sum(answers=document["answers"], total=document["total"]) if document else Sum()


def forget(transaction: Transaction, departure: Departure) -> None:
    """Deletes the answers of an erased member and about them. Answers of the same groups wait to be counted again."""
    answers, session, member = transaction[ANSWERS], transaction.session, departure.member
    answered = list(answers.find({"parties": member}, session=session))
    answers.delete_many({"$or": [{"parties": member}, {"mentor": member}]}, session=session)
    transaction[EXPERIENCES].delete_one({"_id": member}, session=session)
    dissolved = [answer["group"] for answer in answered if answer["group"]]
    answers.update_many(in_groups(dissolved), {"$set": {"group": None}}, session=session)
    for mentor in {answer["mentor"] for answer in answered if answer["group"]}:
        _recount(transaction, mentor, {"event": departure.event, "correlation": departure.correlation})


def in_groups(groups: Sequence[str]) -> Document:
    """Names the type, without which the partial index is not considered."""
    return {"group": {"$type": "string", "$in": list(groups)}}


def _recount(transaction: Transaction, mentor: str, traced: Document) -> None:
    session = transaction.session
    known = transaction[EXPERIENCES].find_one({"_id": mentor}, session=session)
    if known is None:
        return
    groups: defaultdict[str, list[Rating]] = defaultdict(list)
    for document in transaction[ANSWERS].find({"mentor": mentor, "group": {"$ne": None}}, session=session):
        groups[document["group"]].append(document["rating"])
    fields = {**counting(domain.forget(groups.values(), known["level"])), **traced}
    changed = {"$set": fields, "$inc": {"version": 1}}
    transaction[EXPERIENCES].update_one({"_id": mentor}, changed, session=session)
