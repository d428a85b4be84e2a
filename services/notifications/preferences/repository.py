"""Documents ↔ preferences and policies. One collection, so that a notification reads both in one query."""

from collections.abc import Iterable, Mapping
from datetime import time
from typing import Any

from services.notifications.inbox.repository.documents import of_recipient
from services.notifications.kernel.domain import Recipient
from services.notifications.preferences.domain.choices import Policy, Preferences
from services.notifications.preferences.domain.times import DigestTime, QuietHours
from services.notifications.preferences.usecases import Stored
from services.notifications.projections.repository import hold_contact
from shared.errors import NotFound, StaleVersion
from shared.mongo import (
    ASCENDING,
    Database,
    Document,
    DuplicateKeyError,
    IndexModel,
    Transaction,
    ensure_indexes,
    in_transaction,
)

PREFERENCES = "preferences"


class MongoPreferencesRepository:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._stored = database[PREFERENCES]

    async def prepare(self) -> None:
        of_member = IndexModel([("institution", ASCENDING), ("member", ASCENDING)], name="of_member")
        await ensure_indexes(self._stored, [of_member])

    async def preferences(self, recipient: Recipient) -> Stored[Preferences]:
        found = await self._stored.find_one({"_id": key_of(recipient), **of_recipient(recipient)})
        return Stored(_preferences(found), found["version"] if found else 0)

    async def save_preferences(self, recipient: Recipient, preferences: Preferences, *, version: int) -> None:
        document = {"_id": key_of(recipient), **of_recipient(recipient), **_preferences_document(preferences)}
        await self._save(document, version, of=recipient)

    async def policy(self, institution: str) -> Stored[Policy]:
        found = await self._stored.find_one({"_id": institution, "institution": institution})
        return Stored(_policy(found), found["version"] if found else 0)

    async def save_policy(self, institution: str, policy: Policy, *, version: int) -> None:
        await self._save({"_id": institution, "institution": institution, "email": dict(policy.email)}, version)

    async def _save(self, document: Document, version: int, *, of: Recipient | None = None) -> None:
        key = {"_id": document["_id"], "institution": document["institution"]}

        def body(transaction: Transaction) -> None:
            if of is not None and not hold_contact(transaction, of):
                raise NotFound("member_not_found", "you are not a member any more")
            stored, new = transaction[PREFERENCES], {**document, "version": version + 1}
            if version == 0:
                stored.insert_one(new, session=transaction.session)
            elif not stored.replace_one({**key, "version": version}, new, session=transaction.session).matched_count:
                raise StaleVersion(found=version + 1, expected=version)

        try:
            await in_transaction(self._database, body)
        except DuplicateKeyError:
            raise StaleVersion(found=1, expected=0) from None


def key_of(recipient: Recipient) -> str:
    return f"{recipient.institution}:{recipient.member}"


def choices_of(
    transaction: Transaction, recipients: Iterable[Recipient]
) -> tuple[Mapping[Recipient, Preferences], Mapping[str, Policy]]:
    """The stored preferences, and the policies by institution, within a transaction; absent where nothing is stored."""
    keys = {key_of(recipient): recipient for recipient in recipients}
    institutions = {recipient.institution for recipient in keys.values()}
    found = transaction[PREFERENCES].find({"_id": {"$in": [*keys, *institutions]}}, session=transaction.session)
    documents = {document["_id"]: document for document in found}
    preferences = {recipient: _preferences(documents[key]) for key, recipient in keys.items() if key in documents}
    policies = {institution: _policy(documents[institution]) for institution in institutions & documents.keys()}
    return preferences, policies


def _preferences(document: Document | None) -> Preferences:
    if document is None:
        return Preferences()
    quiet, digest = document["quiet_hours"], document["digest"]
    return Preferences(
        email=document["email"],
        email_otherwise=document["email_otherwise"],
        quiet_hours=QuietHours(begins=_time(quiet["begins"]), ends=_time(quiet["ends"])) if quiet else None,
        digest=DigestTime(at=_time(digest["at"]), weekday=digest["weekday"]),
    )


def _preferences_document(preferences: Preferences) -> dict[str, Any]:
    quiet, digest = preferences.quiet_hours, preferences.digest
    return {
        "email": dict(preferences.email),
        "email_otherwise": preferences.email_otherwise,
        "quiet_hours": {"begins": _text(quiet.begins), "ends": _text(quiet.ends)} if quiet else None,
        "digest": {"at": _text(digest.at), "weekday": digest.weekday},
    }


def _policy(document: Document | None) -> Policy:
    return Policy(email=document["email"]) if document else Policy()


def _time(text: str) -> time:
    return time.fromisoformat(text)


def _text(moment: time) -> str:
    return moment.strftime("%H:%M")
