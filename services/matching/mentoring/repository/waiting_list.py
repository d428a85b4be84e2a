"""The waiting list of a programme: mentees whom a round left without a mentor. Rounds write the documents."""

from collections.abc import Collection

from shared.mongo import Document, Writing

ASSIGNMENTS = "places"
"""The collection keeps its old name."""


def waiting_of(mentee: str, programme: str) -> Document:
    return {"mentee.member": mentee, "programme": programme, "waits": True}


def leave(writing: Writing, mentee: str, programme: str) -> None:
    _leave(writing, waiting_of(mentee, programme))


def leave_all_but(writing: Writing, mentee: str, programmes: Collection[str]) -> None:
    _leave(writing, {"mentee.member": mentee, "waits": True, "programme": {"$nin": sorted(programmes)}})


def _leave(writing: Writing, waiting: Document) -> None:
    writing[ASSIGNMENTS].update_many(waiting, {"$set": {"waits": False}}, session=writing.session)
