"""Projected documents: matching's copies of what profiles publishes, and their mapping to the domain."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from sys import intern
from typing import Any

from services.matching.kernel.participants import Institution, Member, Preferences, Programme, Terms
from services.matching.projections import vocabulary
from services.matching.projections.departures import DEPARTURES, departure_write
from services.matching.projections.erasures import ERASURES, erasure_write
from services.matching.projections.vocabulary import RESOLVED, ProjectedVocabulary
from shared.consuming.projection import (
    Refused,
    document_of,
    erased_states,
    fold,
    fold_within,
    known_of,
    newest,
    refused_of,
    split_trusted,
)
from shared.contracts.envelope import Received
from shared.contracts.payload import Payload
from shared.contracts.profiles import (
    FACTORS,
    Factor,
    MemberChanged,
    PreferencesChanged,
)
from shared.identifiers import IDENTIFIER_KINDS, IdentifierKind
from shared.mongo import ASCENDING, Database, Document, IndexModel, Transaction, ensure_indexes, in_transaction

INSTITUTIONS, PROGRAMMES, PREFERENCES = "institutions", "programmes", "preferences"
PARTICIPANTS = vocabulary.PARTICIPANTS
_FEW = 16
"""Larger batches come from an import; the change stream delivers those."""


Body = Callable[[Any], Mapping[str, Any]]
OnApplied = Callable[[str, Sequence[Document]], None]
"""Called with the documents that are about to be written to a collection."""


def digest_field(kind: IdentifierKind) -> str:
    return f"{kind}_digest"


class ProjectedDocuments:
    """Applies what profiles publishes. `on_applied` gets the states of small batches before the change stream does."""

    def __init__(self, database: Database, *, on_applied: OnApplied | None = None) -> None:
        self._database = database
        self._on_applied = on_applied
        self._vocabulary = ProjectedVocabulary(database)

    async def prepare(self) -> None:
        signed_in = IndexModel([("institution", ASCENDING), ("subject_hash", ASCENDING)], name="signed_in")
        by_identifier = [
            IndexModel(
                [("institution", ASCENDING), (digest_field(kind), ASCENDING)],
                name=f"by_{kind}",
                partialFilterExpression={digest_field(kind): {"$gt": ""}},
            )
            for kind in IDENTIFIER_KINDS
        ]
        await ensure_indexes(self._database[PREFERENCES], [signed_in, *by_identifier])
        by_programme = IndexModel(
            [("enrolments.programme", ASCENDING), ("institution", ASCENDING)], name="of_programme"
        )
        await ensure_indexes(self._database[PARTICIPANTS], [by_programme, *vocabulary.INDEXES])
        for name in (INSTITUTIONS, PROGRAMMES, DEPARTURES):
            await ensure_indexes(self._database[name], [])
        await self._vocabulary.prepare()

    async def fold_institutions(self, received: Sequence[Received]) -> list[Refused]:
        return await fold(self._database[INSTITUTIONS], received)

    async def fold_programmes(self, received: Sequence[Received]) -> list[Refused]:
        return await fold(self._database[PROGRAMMES], received)

    async def fold_terms(self, received: Sequence[Received]) -> list[Refused]:
        return await self._vocabulary.fold_terms(received)

    async def fold_members(self, received: Sequence[Received]) -> list[Refused]:
        """Writes a departure command, in the same transaction, for each member who is inactive, erased or no longer
        enrolled in a role.
        """
        known = await known_of(self._database[PARTICIPANTS], received, "enrolments")
        body = self._vocabulary.body(await self._vocabulary.known())
        trusted, refused = split_trusted(received, known)
        if all(map(_is_active, trusted)):
            self._notify_applied(PARTICIPANTS, trusted, body)
        last = newest(trusted)
        left = _leaving_members(last, known)
        staying = [event for event in last if event.envelope.subject not in left]
        refused += await fold(self._database[PARTICIPANTS], staying, body)
        if left:
            leaving = [event for event in last if event.envelope.subject in left]
            refused += await in_transaction(
                self._database, lambda transaction: _record_departures(transaction, leaving, body)
            )
        await self._vocabulary.catch_up([event.envelope.subject for event in last])
        return refused

    async def fold_preferences(self, received: Sequence[Received]) -> list[Refused]:
        if len(received) <= _FEW:
            trusted, _ = split_trusted(received, await known_of(self._database[PREFERENCES], received))
            self._notify_applied(PREFERENCES, trusted)
        return await fold(self._database[PREFERENCES], received)

    async def fold_erasures(self, received: Sequence[Received]) -> list[Refused]:
        """Marks the member and the preferences as erased and writes the commands, in one transaction, so that a
        restored backup that still has the member needs no tombstone.
        """
        erased = [event for event in received if event.payload is not None]
        return await in_transaction(self._database, lambda transaction: _erase(transaction, erased)) if erased else []

    def _notify_applied(self, collection: str, received: Sequence[Received], body: Body = Payload.model_dump) -> None:
        if self._on_applied is not None and len(received) <= _FEW:
            self._on_applied(collection, [document_of(event, body) for event in received])


def _leaving_members(last: Sequence[Received], known: Mapping[str, Document]) -> set[str]:
    """Ids of members who are inactive or erased, or lack a role that the stored document has."""
    return {
        event.envelope.subject
        for event in last
        if not _is_active(event)
        or _enrolments(known.get(event.envelope.subject, {})) - _published_enrolments(event.payload)
    }


def _record_departures(
    transaction: Transaction, leaving: Sequence[Received], body: Body = Payload.model_dump
) -> list[Refused]:
    new, refused = fold_within(transaction, PARTICIPANTS, leaving, body)
    if new:
        transaction[DEPARTURES].bulk_write([departure_write(event) for event in new], session=transaction.session)
    return refused


def _erase(transaction: Transaction, erased: Sequence[Received]) -> list[Refused]:
    """Applies erasures in one transaction; refuses those that are not trusted."""
    members = erased_states(erased, MemberChanged, lambda erasure: erasure.members_sequence)
    known = transaction[PARTICIPANTS].find(
        {"_id": {"$in": [event.envelope.subject for event in erased]}}, session=transaction.session
    )
    _, distrusted = split_trusted(members, {document["_id"]: document for document in known})
    refused = refused_of(erased, distrusted)
    trusted = [event for event in erased if all(event is not other.received for other in refused)]
    _record_departures(transaction, erased_states(trusted, MemberChanged, lambda erasure: erasure.members_sequence))
    preferences = erased_states(trusted, PreferencesChanged, lambda erasure: erasure.preferences_sequence)
    fold_within(transaction, PREFERENCES, preferences)
    if trusted:
        transaction[ERASURES].bulk_write([erasure_write(event) for event in trusted], session=transaction.session)
    return refused


def _enrolments(document: Document) -> set[tuple[str, str]]:
    return {
        (enrolment["programme"], role) for enrolment in document.get("enrolments") or () for role in enrolment["roles"]
    }


def _published_enrolments(payload: Payload | None) -> set[tuple[str, str]]:
    enrolments = payload.enrolments if isinstance(payload, MemberChanged) else ()
    return {(enrolment.programme, role) for enrolment in enrolments for role in enrolment.roles}


def _is_active(event: Received) -> bool:
    return isinstance(event.payload, MemberChanged) and event.payload.status == "active"


def institution_of(document: Document) -> Institution:
    return Institution(
        id=intern(document["_id"]),
        sequence=document["sequence"],
        is_active=document.get("status") == "active",
        exchanges_with=_words(document.get("exchanges_with")),
        terms={intern(term["partner"]): _terms(term) for term in document.get("exchange_terms") or ()},
    )


async def institutions(database: Database, ids: Iterable[str]) -> dict[str, Institution]:
    found = database[INSTITUTIONS].find({"_id": {"$in": list(ids)}, "erased": False})
    return {document["_id"]: institution_of(document) async for document in found}


def _terms(terms: Document) -> Terms:
    direction = terms.get("direction", "both")
    return Terms(
        gives=direction != "receives",
        receives=direction != "gives",
        ceiling=terms.get("ceiling"),
        floor=terms.get("floor", 0),
    )


def programme_of(document: Document) -> Programme:
    limits = document.get("limits") or {}
    return Programme(
        id=intern(document["_id"]),
        institution=intern(document["institution"]),
        sequence=document["sequence"],
        is_active=document.get("status") == "active",
        admits=_words(document.get("admits")),
        weights=_weights(document),
        list_length=limits.get("list_length", 10),
        minimum_score=limits.get("minimum_score", 0),
        repair_by_itself_up_to=document.get("repair_by_itself_up_to", 0),
        separation_days=document.get("separation_days") or {},
    )


_NO_NAMES: Mapping[str, str] = {}


def member_of(document: Document) -> Member:
    roles: list[tuple[str, Any]] = [
        (enrolment["programme"], enrolment["roles"]) for enrolment in document.get("enrolments") or ()
    ]
    written = {"offered": document.get("topics_offered"), "wanted": document.get("topics_wanted")}
    meant = document.get(RESOLVED) or {**written, "specialty": document.get("specialty")}
    return Member(
        id=intern(document["_id"]),
        institution=intern(document["institution"]),
        sequence=document["sequence"],
        revision=meant.get("revision", 0),
        is_active=document.get("status") == "active",
        is_paused=document.get("paused", False),
        mentors_in=_words(programme for programme, held in roles if "mentor" in held),
        mentee_in=_words(programme for programme, held in roles if "mentee" in held),
        stage=document.get("stage"),
        specialty=meant["specialty"],
        topics_offered=_words(meant["offered"]),
        topics_near=_words(meant.get("near")),
        topics_wanted=_words(meant["wanted"]),
        known_as=meant.get("known_as") or _NO_NAMES,
        languages=_words(document.get("languages")),
        formats=frozenset(document.get("formats") or ()),
        time_zone=intern(document.get("time_zone", "UTC")),
        hours=document.get("hours_per_month", 0),
        capacity=document.get("capacity", 0),
        least_group=document.get("least_group", 0),
        mentors_wanted=document.get("mentors_wanted", 1),
        style=document.get("style"),
        available=_words(document.get("available")),
        reverse_mentoring=document.get("reverse_mentoring", False),
        across_institutions=document.get("across_institutions", False),
    )


def preferences_of(document: Document) -> Preferences:
    return Preferences(
        member=intern(document["_id"]),
        sequence=document["sequence"],
        never=_words(document.get("never")),
        weights=_weights(document),
        topics_most_wanted=_words(document.get("topics_most_wanted")),
        identity=_words(document.get("identity")),
        wishes_shared_identity=document.get("wishes_shared_identity", False),
    )


def _weights(document: Document) -> Mapping[Factor, int]:
    weights = {**(document.get("weights") or {}), **(document.get("further_weights") or {})}
    return {factor: weights[factor] for factor in FACTORS if factor in weights}


def _words(words: Iterable[str] | None) -> frozenset[str]:
    return frozenset(intern(word) for word in words or ())
