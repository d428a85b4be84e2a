"""Finds members by words of their name at a bounded cost: a word reads at most `MATCHES_AT_MOST` keys of an index."""

from collections.abc import Sequence

from services.profiles.members.domain.name_words import words
from shared.errors import FieldError, Rejected
from shared.mongo import ASCENDING, Collection, Document, IndexModel, UpdateOne

WORDS = "name_words"
INDEX = IndexModel([("institution", ASCENDING), (WORDS, ASCENDING), ("_id", ASCENDING)], name=WORDS)
MATCHES_AT_MOST = 1_000
_LAST = "\U0010ffff"
_AT_ONCE = 500


async def add_missing_words(members: Collection) -> None:
    """For members saved before search by name existed. Replicas may run this at the same time: it is idempotent."""
    missing = members.find({WORDS: {"$exists": False}}, {"name": 1})
    while members_without := [member async for member in missing.clone().limit(_AT_ONCE)]:
        await members.bulk_write(
            [
                UpdateOne(
                    {"_id": member["_id"], "name": member["name"]}, {"$set": {WORDS: list(words(member["name"]))}}
                )
                for member in members_without
            ],
            ordered=False,
        )


async def by_name(members: Collection, institution: str, sought: Sequence[str]) -> Document:
    """A query that reads at most `MATCHES_AT_MOST` members. Raises `Rejected` if every word matches more."""
    fewest: list[str] | None = None
    for word in sought:
        query = {"institution": institution, WORDS: _beginning_with(word)}
        found = members.find(query, {"_id": 1}).hint(WORDS).limit(MATCHES_AT_MOST + 1)
        ids = [member["_id"] async for member in found]
        if len(ids) <= MATCHES_AT_MOST and (fewest is None or len(ids) < len(fewest)):
            fewest = ids
    if fewest is None:
        why = f"matches more than {MATCHES_AT_MOST} members: write more of the name"
        raise Rejected("search_too_broad", f"`name` {why}", (FieldError("name", why),))
    return {"$and": [{"_id": {"$in": fewest}}, *({WORDS: _beginning_with(word)} for word in sought)]}


def _beginning_with(word: str) -> Document:
    return {"$elemMatch": {"$gte": word, "$lt": word + _LAST}}
