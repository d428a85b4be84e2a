"""The projected vocabulary, and members' topics by it.

A term's new state, the vocabulary's next revision and the command to resolve again whom the term touches are written in
one transaction. A member's document is written with the topics as this process knows the vocabulary; afterwards its
revision is read, and where it is newer, the document is resolved again. So one of the two sees the other: the command
finds the document, or the document's writer finds the revision.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.matching.kernel.vocabulary import Resolved, Term, Vocabulary
from shared.consuming.projection import Refused, fold_within
from shared.contracts.envelope import Received
from shared.contracts.payload import Payload
from shared.contracts.profiles import MemberChanged, TermChanged
from shared.mongo import (
    ASCENDING,
    Database,
    Document,
    IndexModel,
    Transaction,
    UpdateOne,
    ensure_indexes,
    in_transaction,
)

PARTICIPANTS, TERMS, _CHANGED, _REVISIONS = "participants", "terms", "changed_terms", "vocabulary"
_REVISION: Document = {"_id": "revision"}
RESOLVED = "resolved"
"""The field of a participant's document with what the written topics mean."""
_REVISED, _WORDS = f"{RESOLVED}.revision", f"{RESOLVED}.words"
_PORTION = 200
INDEXES = [
    IndexModel([(_WORDS, ASCENDING), ("_id", ASCENDING)], name="by_word"),
    IndexModel([("erased", ASCENDING), (_REVISED, ASCENDING)], name="by_revision"),
]
_WRITTEN = ("institution", "sequence", "topics_offered", "topics_wanted", "specialty", "event", "correlation", RESOLVED)


def resolved_fields(resolved: Resolved, *, revision: int) -> Document:
    return {
        "revision": revision,
        "offered": sorted(resolved.offered),
        "wanted": sorted(resolved.wanted),
        "near": sorted(resolved.near),
        "specialty": resolved.specialty,
        "known_as": dict(sorted(resolved.known_as.items())),
        "words": sorted(resolved.words),
    }


def term_of(document: Document) -> Term:
    own = {entry["institution"]: frozenset(entry["slugs"]) for entry in document["institution_slugs"]}
    return Term(
        id=document["_id"],
        kind=document["kind"],
        slugs=frozenset(document["slugs"]),
        institution_slugs=own,
        broader=tuple(document["broader"]),
        successor=document["successor"],
    )


def term_body(term: Payload) -> Mapping[str, Any]:
    """What resolving needs. Institutions' ids may contain a dot, which MongoDB would read as a path."""
    if not isinstance(term, TermChanged):
        raise TypeError(f"{term.TYPE} is no state of a term")
    own = [{"institution": of, "slugs": list(slugs)} for of, slugs in term.institution_slugs.items()]
    fields = {"kind": term.kind, "slugs": list(term.slugs), "broader": list(term.broader), "successor": term.successor}
    return {**fields, "institution_slugs": own}


@dataclass(frozen=True, slots=True)
class ChangedTerms:
    """Commands to resolve members again: the words of the changed terms, and each command as it was read."""

    words: frozenset[str]
    commands: Sequence[Document]


class ProjectedVocabulary:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: Vocabulary | None = None

    async def prepare(self) -> None:
        for name in (TERMS, _CHANGED, _REVISIONS):
            await ensure_indexes(self._database[name], [])

    async def known(self) -> Vocabulary:
        """As this process read it last."""
        return self._known or await self._load()

    async def current(self) -> Vocabulary:
        known = await self.known()
        return known if known.revision == await self._revision() else await self._load()

    async def fold_terms(self, received: Sequence[Received]) -> list[Refused]:
        return await in_transaction(self._database, lambda transaction: _fold_terms(transaction, received))

    def body(self, vocabulary: Vocabulary) -> Callable[[Payload], Mapping[str, Any]]:
        """A member's document with the topics resolved by this vocabulary."""

        def resolved(member: Payload) -> Mapping[str, Any]:
            body = member.model_dump()
            if isinstance(member, MemberChanged):
                body[RESOLVED] = _resolved(vocabulary, body)
            return body

        return resolved

    async def catch_up(self, members: Collection[str]) -> None:
        """After these members' documents were written: resolves those again that an older revision resolved."""
        older = {"_id": {"$in": list(members)}, _REVISED: {"$lt": (await self.known()).revision}}
        revision, behind = await asyncio.gather(
            self._revision(), self._database[PARTICIPANTS].find(older, {"_id": 1}).to_list(None)
        )
        if revision == (await self.known()).revision and not behind:
            return
        vocabulary = await self.current()
        await self._until_resolved(vocabulary, {"_id": {"$in": list(members)}, _REVISED: {"$lt": vocabulary.revision}})

    async def resolve_again(self) -> None:
        """Works off the commands, and resolves documents that were written without a vocabulary."""
        commands = await self._database[_CHANGED].find().to_list(_PORTION)
        if commands:
            vocabulary = await self._load()
            words = vocabulary.touched_by(word for command in commands for word in command["words"])
            cause = {name: commands[-1][name] for name in ("event", "correlation")}
            await self._until_resolved(vocabulary, {_WORDS: {"$in": sorted(words)}, "erased": False}, cause=cause)
            for command in commands:
                done = {"_id": command["_id"], "changes": command["changes"]}
                await self._database[_CHANGED].delete_one(done)
        await self._until_resolved(await self.known(), {"erased": False, _REVISED: None})

    async def _until_resolved(self, vocabulary: Vocabulary, wanted: Document, *, cause: Document | None = None) -> None:
        """In portions by id. A document that changes meanwhile is read again."""
        last = ""
        participants = self._database[PARTICIPANTS]
        while (
            portion := await participants.find(
                {**wanted, "_id": {**wanted.get("_id", {}), "$gt": last}}, dict.fromkeys(_WRITTEN, 1)
            )
            .sort("_id", ASCENDING)
            .limit(_PORTION)
            .to_list(None)
        ):
            writes = [write for document in portion if (write := _renewed(document, vocabulary, cause))]
            written = (await participants.bulk_write(writes, ordered=False)).matched_count if writes else 0
            last = portion[-1]["_id"] if written == len(writes) else last

    async def _revision(self) -> int:
        found = await self._database[_REVISIONS].find_one(_REVISION)
        return found["revision"] if found else 0

    async def _load(self) -> Vocabulary:
        """The revision first: terms that are newer than it are resolved again when their revision is seen."""
        revision = await self._revision()
        terms = [term_of(document) async for document in self._database[TERMS].find({"erased": False})]
        self._known = Vocabulary(terms, revision=revision)
        return self._known


def _resolved(vocabulary: Vocabulary, document: Mapping[str, Any]) -> Document:
    meant = vocabulary.resolve(
        document["institution"],
        offered=document.get("topics_offered") or (),
        wanted=document.get("topics_wanted") or (),
        specialty=document.get("specialty"),
    )
    return resolved_fields(meant, revision=vocabulary.revision)


def _renewed(document: Document, vocabulary: Vocabulary, cause: Document | None) -> UpdateOne | None:
    """None where the document's topics mean what they meant."""
    before, after = document.get(RESOLVED), _resolved(vocabulary, document)
    if before is not None and {**before, "revision": 0} == {**after, "revision": 0}:
        return None
    same = {"_id": document["_id"], "sequence": document["sequence"], _REVISED: before and before["revision"]}
    return UpdateOne(same, {"$set": {RESOLVED: after, **(cause or {})}})


def _fold_terms(transaction: Transaction, received: Sequence[Received]) -> list[Refused]:
    ids = list({event.envelope.subject for event in received})
    before = {
        found["_id"]: found for found in transaction[TERMS].find({"_id": {"$in": ids}}, session=transaction.session)
    }
    new, refused = fold_within(transaction, TERMS, received, term_body)
    if new:
        transaction[_REVISIONS].update_one(
            _REVISION, {"$inc": {"revision": 1}}, upsert=True, session=transaction.session
        )
        commands = [_command(event, before.get(event.envelope.subject)) for event in new]
        transaction[_CHANGED].bulk_write(commands, session=transaction.session)
    return refused


def _command(event: Received, before: Document | None) -> UpdateOne:
    states: Iterable[Document] = [before] if before and not before["erased"] else []
    if event.payload is not None:
        states = [*states, {"_id": event.envelope.subject, **term_body(event.payload)}]
    words = {event.envelope.subject}.union(*(term_of(state).words for state in states))
    return UpdateOne(
        {"_id": event.envelope.subject},
        {
            "$addToSet": {"words": {"$each": sorted(words)}},
            "$inc": {"changes": 1},
            "$set": {"event": event.envelope.id, "correlation": event.envelope.trace.correlation_id},
        },
        upsert=True,
    )


async def follow_terms(database: Database) -> int:
    """After the vocabulary was rebuilt: every term's members are resolved again."""
    terms = [document async for document in database[TERMS].find()]
    await database[_REVISIONS].update_one(_REVISION, {"$inc": {"revision": 1}}, upsert=True)
    for document in terms:
        words = {document["_id"]} if document["erased"] else term_of(document).words
        origin = {"event": document["event"], "correlation": document["correlation"]}
        command = {"$addToSet": {"words": {"$each": sorted(words)}}, "$inc": {"changes": 1}, "$set": origin}
        await database[_CHANGED].update_one({"_id": document["_id"]}, command, upsert=True)
    return len(terms)
