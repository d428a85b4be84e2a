"""Stores agreements, and apart from them the clauses of each version, in the transaction that saves the version.

An agreement's own document holds ids, times, terms and codes. Clauses are private: they are deleted with their author.
"""

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import TypeAdapter

from services.mentorships.agreements.domain import agreements as domain
from services.mentorships.agreements.domain.agreements import Proposed, Signed
from services.mentorships.agreements.domain.clauses import Clauses
from services.mentorships.agreements.domain.states import Agreement
from services.mentorships.agreements.repository.templates import template_within
from services.mentorships.agreements.usecases.agreements import Decide, Draft, Origin, Propose
from services.mentorships.kernel.pairs import Side
from services.mentorships.kernel.repository import Follow, MongoAggregates
from services.mentorships.lifecycle.domain import Mentorship
from services.mentorships.lifecycle.repository import MENTORSHIPS, CarryOver, MongoMentorships
from services.mentorships.projections.repository import MongoProjections, hold_people, people_within
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import NotFound
from shared.mongo import (
    ASCENDING,
    Database,
    Document,
    IndexModel,
    Transaction,
    ensure_indexes,
    in_transaction,
)

AGREEMENTS, TEXTS = "agreements", "agreement_texts"
_TEXT_INDEXES = [
    IndexModel([("parties", ASCENDING)], name="of_member"),
    IndexModel([("agreement", ASCENDING), ("number", ASCENDING)], name="of_agreement"),
]
_CLAUSES: TypeAdapter[Clauses] = TypeAdapter(Clauses)


class MongoAgreements(MongoAggregates[Agreement]):
    def __init__(self, database: Database, clock: Clock, mentorships: MongoMentorships) -> None:
        super().__init__(database, clock, collection=AGREEMENTS, kind=Agreement, what="agreement")
        self._mentorships = mentorships
        self._projections = MongoProjections(database)

    async def prepare(self, *further: IndexModel) -> None:
        await super().prepare(*further)
        await ensure_indexes(self._database[TEXTS], _TEXT_INDEXES)

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await self._projections.signed_in(institution, subject_hash)

    async def mentorship(self, institution: str, id: str) -> Mentorship | None:
        return await self._mentorships.find(institution, id)

    async def agreement(self, mentorship: Mentorship) -> Agreement:
        found = await self.find(mentorship.pair.institutions[0], agreement_id(mentorship.id))
        return found or _none(mentorship)

    async def clauses(self, agreement: Agreement, number: int) -> Clauses:
        wanted = {"_id": _text_id(agreement, number), "institutions": agreement.pair.institutions[0]}
        return _clauses(await self._database[TEXTS].find_one(wanted))

    async def reverse_of(self, mentorship: Mentorship) -> str | None:
        pair = mentorship.pair
        wanted = {
            "institutions": pair.mentee.institution,
            "parties": pair.mentee.member,
            "pair.mentee.member": pair.mentor.member,
            "pair.mentor.member": pair.mentee.member,
            "state": {"$ne": "ended"},
        }
        found = await self._database[MENTORSHIPS].find_one(wanted, {"_id": 1}, sort=[("_id", -1)])
        return str(found["_id"]) if found else None

    async def names(self, agreement: Agreement) -> tuple[str, str, str]:
        pair = agreement.pair
        programme = await self._projections.programme(pair.programme)
        people = await self._projections.people([pair.mentee.member, pair.mentor.member])
        mentee, mentor = (
            people[party.member].name if party.member in people else "" for party in (pair.mentee, pair.mentor)
        )
        return programme.name if programme else "", mentee, mentor

    async def draft(self, mentorship: Mentorship, by: Side, decide: Draft, trace: Trace) -> Agreement:
        def proposed(transaction: Transaction, before: Agreement, current: Mentorship) -> Proposed:
            return decide(before, current, _origin(transaction, current, by))

        return await self._add_version(mentorship, proposed, trace)

    async def propose(self, mentorship: Mentorship, decide: Propose, trace: Trace) -> Agreement:
        def proposed(transaction: Transaction, before: Agreement, current: Mentorship) -> Proposed:
            return decide(before, current, _newest_clauses(transaction, before))

        return await self._add_version(mentorship, proposed, trace)

    async def decide(self, mentorship: Mentorship, decide: Decide, trace: Trace) -> Agreement:
        def body(transaction: Transaction) -> Agreement:
            before, current = self._load_both(transaction, mentorship)
            signed: Signed | None = decide(before, current)
            if signed is None:
                transaction.changes_nothing = True
                return before
            self.save(transaction, signed.agreement, trace, before=before)
            if signed.mentorship is not None:
                self._mentorships.save(transaction, signed.mentorship, trace, before=current)
            return signed.agreement.state

        return await in_transaction(self._database, body)

    async def _add_version(
        self, mentorship: Mentorship, decide: Callable[[Transaction, Agreement, Mentorship], Proposed], trace: Trace
    ) -> Agreement:
        def body(transaction: Transaction) -> Agreement:
            hold_people(transaction, [mentorship.pair.mentee.member, mentorship.pair.mentor.member])
            before, current = self._load_both(transaction, mentorship)
            proposed = decide(transaction, before, current)
            after = proposed.agreement.state
            self.save(transaction, proposed.agreement, trace, before=before if before.version else None)
            transaction[TEXTS].insert_one(
                _text_document(after, proposed.clauses, number=len(after.versions)), session=transaction.session
            )
            return after

        return await in_transaction(self._database, body)

    def _load_both(self, transaction: Transaction, known: Mentorship) -> tuple[Agreement, Mentorship]:
        institution = known.pair.institutions[0]
        current = self._mentorships.load(transaction, known.id, institution=institution)
        if current is None:
            raise NotFound("mentorship_not_found", "there is no mentorship with this id")
        return self.load(transaction, agreement_id(known.id), institution=institution) or _none(current), current

    def _document(self, state: Agreement) -> Document:
        """MongoDB has no dates without a time: they are stored as text."""
        document = super()._document(state)
        for version in document["versions"]:
            version["terms"]["review_on"] = version["terms"]["review_on"].isoformat()
        return document


def follow_mentorships(database: Database, clock: Clock) -> Follow[Mentorship]:
    """A pause, and the end, of a mentorship stops the reminders of its agreement."""
    agreements = MongoAgreements(database, clock, MongoMentorships(database, clock))

    def follow(transaction: Transaction, before: Mentorship | None, after: Mentorship, trace: Trace) -> None:
        if before is None or (before.is_open, before.is_paused) == (after.is_open, after.is_paused):
            return
        known = agreements.load(transaction, agreement_id(after.id))
        decided = domain.follow(known, after) if known is not None else None
        if decided is not None:
            agreements.save(transaction, decided, trace, before=known)

    return follow


def carry_over(database: Database, clock: Clock) -> CarryOver:
    """The agreement stays with the mentorship that ended, and goes on with the other one."""
    agreements = MongoAgreements(database, clock, MongoMentorships(database, clock))

    def carry(transaction: Transaction, before: Mentorship, after: Mentorship) -> None:
        known = agreements.load(transaction, agreement_id(before.id))
        if known is None:
            return
        new = domain.continue_elsewhere(known, after, id=agreement_id(after.id))
        agreements.add_copy(transaction, new)
        texts = transaction[TEXTS]
        for text in list(texts.find({"agreement": known.id}, session=transaction.session)):
            copy = _text_document(new, _clauses(text), number=text["number"])
            texts.insert_one(copy, session=transaction.session)

    return carry


def forget(transaction: Transaction, member: str) -> None:
    """Deletes the clauses that an erased member wrote, in every version; signatures stay, as ids and times."""
    found = transaction[TEXTS].find({"parties": member}, {"mentee": 1, "clauses": 1}, session=transaction.session)
    for document in list(found):
        side = "mentee" if document["mentee"] == member else "mentor"
        kept = {name: clause for name, clause in document["clauses"].items() if clause["by"] != side}
        transaction[TEXTS].update_one(
            {"_id": document["_id"]}, {"$set": {"clauses": kept}}, session=transaction.session
        )


async def export(database: Database, institution: str, member: str) -> Sequence[Document]:
    """Each version of a member's agreements: its terms and signatures, and the clauses in the member's own words."""
    wanted = {"institutions": institution, "parties": member}
    texts = {document["_id"]: document async for document in database[TEXTS].find(wanted)}
    return [
        {
            "mentorship": agreement["mentorship"],
            **version,
            "clauses": _own(texts.get(f"{agreement['_id']}.{version['number']}"), member),
        }
        async for agreement in database[AGREEMENTS].find(wanted).sort("_id", 1)
        for version in agreement["versions"]
    ]


def _own(text: Document | None, member: str) -> Document:
    if text is None:
        return {}
    side = "mentee" if text["mentee"] == member else "mentor"
    return {name: clause["text"] for name, clause in text["clauses"].items() if clause["by"] == side}


def agreement_id(mentorship: str) -> str:
    """A mentorship has one agreement at most."""
    return f"{mentorship}.agreement"


def _none(mentorship: Mentorship) -> Agreement:
    return Agreement(
        id=agreement_id(mentorship.id),
        mentorship=mentorship.id,
        pair=mentorship.pair,
        is_paused=mentorship.is_paused,
    )


def _origin(transaction: Transaction, mentorship: Mentorship, by: Side) -> Origin:
    pair = mentorship.pair
    people = people_within(transaction, [pair.mentee.member, pair.mentor.member])
    mentor, drafting = people.get(pair.mentor.member), people.get(pair.party(by).member)
    return Origin(
        template=template_within(transaction, pair.programme),
        principles=mentor.principles if mentor else "",
        locale=drafting.locale if drafting else "en",
    )


def _newest_clauses(transaction: Transaction, agreement: Agreement) -> Clauses:
    newest = agreement.newest
    wanted = {"_id": _text_id(agreement, newest.number if newest else 0)}
    return _clauses(transaction[TEXTS].find_one(wanted, session=transaction.session))


def _text_id(agreement: Agreement, number: int) -> str:
    return f"{agreement.id}.{number}"


def _text_document(agreement: Agreement, clauses: Clauses, *, number: int) -> Document:
    pair = agreement.pair
    fields: dict[str, Any] = _CLAUSES.dump_python(clauses)
    return {
        "_id": _text_id(agreement, number),
        "agreement": agreement.id,
        "number": number,
        "institutions": list(pair.institutions),
        "parties": [pair.mentee.member, pair.mentor.member],
        "mentee": pair.mentee.member,
        "clauses": fields,
    }


def _clauses(document: Document | None) -> Clauses:
    return _CLAUSES.validate_python(document["clauses"]) if document else {}
