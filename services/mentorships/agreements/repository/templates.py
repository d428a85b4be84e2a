"""Documents ↔ a programme's template of agreements."""

from typing import Any

from pydantic import TypeAdapter

from services.mentorships.agreements.domain.templates import AgreementTemplate
from services.mentorships.agreements.usecases.templates import Decide
from services.mentorships.projections.domain import Programme
from services.mentorships.projections.repository import MongoProjections
from shared.errors import StaleVersion
from shared.mongo import Database, Document, DuplicateKeyError, Transaction, ensure_indexes, in_transaction

TEMPLATES = "agreement_templates"
_MAPPING = TypeAdapter(AgreementTemplate)


class MongoTemplates:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._projections = MongoProjections(database)

    async def prepare(self) -> None:
        await ensure_indexes(self._database[TEMPLATES], [])

    async def programme(self, id: str) -> Programme | None:
        return await self._projections.programme(id)

    async def find(self, programme: Programme) -> AgreementTemplate:
        found = await self._database[TEMPLATES].find_one({"_id": programme.id, "institution": programme.institution})
        return _template(found, programme.id, programme.institution)

    async def change(self, programme: Programme, decide: Decide) -> AgreementTemplate:
        def body(transaction: Transaction) -> AgreementTemplate:
            key = {"_id": programme.id, "institution": programme.institution}
            document = transaction[TEMPLATES].find_one(key, session=transaction.session)
            before = _template(document, programme.id, programme.institution)
            after = decide(before)
            if after == before:
                transaction.changes_nothing = True
                return before
            guard, is_new = {**key, "version": before.version}, before.version == 0
            try:
                transaction[TEMPLATES].replace_one(guard, _document(after), upsert=is_new, session=transaction.session)
            except DuplicateKeyError:
                raise StaleVersion(found=1, expected=0) from None
            return after

        return await in_transaction(self._database, body)


def template_within(transaction: Transaction, programme: str) -> AgreementTemplate:
    """In the caller's transaction, of the programme of a mentorship that the caller may see."""
    return _template(transaction[TEMPLATES].find_one({"_id": programme}, session=transaction.session), programme, "")


def _document(template: AgreementTemplate) -> Document:
    fields: dict[str, Any] = _MAPPING.dump_python(template)
    return {"_id": fields.pop("programme"), **fields}


def _template(document: Document | None, programme: str, institution: str) -> AgreementTemplate:
    if document is None:
        return AgreementTemplate(programme=programme, institution=institution)
    return _MAPPING.validate_python({"programme": document["_id"], **document})
