"""The waiting list of a programme: mentees whom a round left without a mentor. Rounds write the documents."""

from collections.abc import Collection

from shared.mongo import Document, Transaction

ASSIGNMENTS = "places"
"""The collection keeps its old name."""


def waiting_of(mentee: str, programme: str) -> Document:
    return {"mentee.member": mentee, "programme": programme, "waits": True}


def leave(transaction: Transaction, mentee: str, programme: str) -> None:
    _leave(transaction, waiting_of(mentee, programme))


def leave_all_but(transaction: Transaction, mentee: str, programmes: Collection[str]) -> None:
    _leave(transaction, {"mentee.member": mentee, "waits": True, "programme": {"$nin": sorted(programmes)}})


def _leave(transaction: Transaction, waiting: Document) -> None:
    transaction[ASSIGNMENTS].update_many(waiting, {"$set": {"waits": False}}, session=transaction.session)
