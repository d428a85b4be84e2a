"""A POST takes effect once per Idempotency-Key, by any sender, at any time and with any body."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from threading import get_ident
from typing import Any

import bson
import httpx
import pytest
from fastapi import Response
from pymongo.errors import WriteError

from deploy.issuer import LocalIssuer
from shared.errors import Conflict
from shared.http.idempotency import Idempotency, Scope
from shared.mongo import Collection, Document
from tests.component.http_kit import Api, running
from tests.component.test_http_requests import is_problem
from tests.eventually import eventually

KEY = "0190a8f0-one-key"


@pytest.fixture(scope="module")
async def notes_api(mongo_uri: str, issuer: LocalIssuer) -> AsyncIterator[Api]:
    async with running(mongo_uri, issuer) as api:
        yield api


@pytest.fixture
async def api(notes_api: Api) -> Api:
    await notes_api.reset()
    return notes_api


@pytest.fixture
async def client(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with api.client() as client:
        yield client


async def test_a_key_is_required_and_has_a_length(api: Api, client: httpx.AsyncClient) -> None:
    for key in (None, "", "x" * 201):
        headers = api.headers() | {"idempotency-key": key}
        kept = {name: value for name, value in headers.items() if value is not None}
        answer = await client.post("/notes", json={"text": "x"}, headers=kept)
        is_problem(answer, 422, "idempotency_key_missing")
    assert await api.notes() == []


async def test_a_repeated_request_gets_the_same_answer_marked_as_replayed(api: Api, client: httpx.AsyncClient) -> None:
    headers = api.headers(idempotency_key=KEY)
    first = await client.post("/notes", json={"text": "x"}, headers=headers)
    again = await client.post("/notes", json={"text": "x"}, headers=headers)
    assert (again.status_code, again.content, again.headers["etag"]) == (201, first.content, '"1"')
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert len(again.headers.get_list("x-correlation-id")) == 1
    assert len(await api.notes()) == 1


async def test_a_stored_answer_is_readable_only_by_its_requester(api: Api, client: httpx.AsyncClient) -> None:
    await client.post("/notes", json={"text": "Ada Lovelace"}, headers=api.headers(idempotency_key=KEY))
    [kept] = await api.database["idempotency"].find({}).to_list(None)
    assert kept["status"] == 201
    assert b"Lovelace" not in bson.encode(kept)
    assert kept["fingerprint"] != sha256(b'\n{"text":"Ada Lovelace"}').hexdigest(), "a short body could be guessed"
    assert KEY.encode() not in bson.encode(kept)


async def test_another_body_or_query_under_the_same_key_is_refused(api: Api, client: httpx.AsyncClient) -> None:
    headers = api.headers(idempotency_key=KEY)
    await client.post("/notes", json={"text": "x"}, headers=headers)
    is_problem(await client.post("/notes", json={"text": "y"}, headers=headers), 422, "idempotency_key_reused")
    is_problem(
        await client.post("/notes?color=red", json={"text": "x"}, headers=headers), 422, "idempotency_key_reused"
    )
    assert len(await api.notes()) == 1


async def test_two_hundred_concurrent_requests_create_one_member(api: Api, client: httpx.AsyncClient) -> None:
    headers = api.headers(idempotency_key=KEY)
    answers = await asyncio.gather(*(client.post("/notes", json={"text": "x"}, headers=headers) for _ in range(200)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    for answer in answers:
        if answer.status_code == 409:
            is_problem(answer, 409, "idempotency_key_in_use")
            assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert len(await api.notes()) == 1


async def test_a_key_belongs_to_an_institution_a_person_and_a_route(api: Api, client: httpx.AsyncClient) -> None:
    for token in (api.token(), api.token(institution="oslo"), api.token("grace"), api.token()):
        for path in ("/notes", "/notes/archive"):
            headers = api.headers(token, idempotency_key=KEY)
            assert (await client.post(path, json={"text": "x"}, headers=headers)).status_code == 201
    assert len(await api.notes()) == 6


async def test_a_request_that_failed_may_be_sent_again(api: Api, client: httpx.AsyncClient) -> None:
    headers = api.headers(idempotency_key=KEY)
    api.faults = [Conflict("full", "full"), RuntimeError("broken")]
    is_problem(await client.post("/notes", json={"text": "x"}, headers=headers), 500, "fault")
    is_problem(await client.post("/notes", json={"text": "x"}, headers=headers), 409, "full")
    is_problem(await client.post("/notes", json={"wrong": "x"}, headers=headers), 422, "request_invalid")
    assert (await client.post("/notes", json={"text": "x"}, headers=headers)).status_code == 201
    assert len(await api.notes()) == 1


async def test_a_crashed_request_is_resumed_after_a_minute_under_the_same_id(
    api: Api, client: httpx.AsyncClient
) -> None:
    headers = api.headers(idempotency_key=KEY)
    api.gate.clear()
    crashed = asyncio.create_task(client.post("/notes", json={"text": "x"}, headers=headers))
    answers = api.database["idempotency"]

    async def begun() -> bool:
        return await answers.count_documents({"status": None}) == 1

    await eventually(begun, message="the first request began")
    answer = await client.post("/notes", json={"text": "x"}, headers=headers)
    is_problem(answer, 409, "idempotency_key_in_use")
    api.clock.ahead = timedelta(minutes=10)
    answer = await client.post("/notes", json={"text": "x"}, headers=headers)
    is_problem(answer, 409, "idempotency_key_in_use")
    long_ago = api.clock.system.now() - timedelta(seconds=61)
    await api.database["idempotency"].update_many({}, {"$set": {"at": long_ago}})
    taken = asyncio.create_task(client.post("/notes", json={"text": "x"}, headers=headers))

    async def both_wait() -> bool:
        return len(api.correlations) == 2

    await eventually(both_wait, message="the second took it up")
    api.gate.set()
    results = await asyncio.gather(crashed, taken)
    assert sorted(result.status_code for result in results) == [201, 500], "one id: the slower meets the faster's"
    assert len(await api.notes()) == 1


async def test_a_waiting_request_is_answered_with_the_time_its_key_is_still_held(
    api: Api, client: httpx.AsyncClient
) -> None:
    headers = api.headers(idempotency_key=KEY)
    await killed(api, client)
    began = api.clock.system.now() - timedelta(seconds=40)
    await api.database["idempotency"].update_many({}, {"$set": {"at": began}})
    answer = await client.post("/notes", json={"text": "x"}, headers=headers)
    is_problem(answer, 409, "idempotency_key_in_use")
    assert 10 <= int(answer.headers["retry-after"]) <= 20, "40 of 60 s are over, whatever the machine's haste"


async def test_a_committed_request_is_answered_without_a_wait_after_a_kill(api: Api, client: httpx.AsyncClient) -> None:
    headers = api.headers(idempotency_key=KEY)
    await killed(api, client)
    await api.database["idempotency"].update_many({}, {"$set": {"has_effect": True}})
    answer = await client.post("/notes", json={"text": "x"}, headers=headers)
    assert answer.status_code == 201


async def killed(api: Api, client: httpx.AsyncClient) -> None:
    """A request with `KEY` that began and left nothing but that."""
    await client.post("/notes", json={"text": "x"}, headers=api.headers(idempotency_key=KEY))
    await api.database["idempotency"].update_many(
        {}, [{"$set": {"status": None, "at": "$$NOW"}}, {"$unset": ["body", "headers"]}]
    )
    await api.database["notes"].delete_many({})


async def test_an_upload_is_idempotent_like_any_post(api: Api, client: httpx.AsyncClient) -> None:
    def request(content: bytes) -> httpx.Request:
        body = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\na\r\n--b\r\n'
        body += b'Content-Disposition: form-data; name="file"; filename="f"\r\n\r\n' + content + b"\r\n--b--\r\n"
        headers = api.headers(idempotency_key=KEY, content_type="multipart/form-data; boundary=b")
        return client.build_request("POST", "/files", content=body, headers=headers)

    first = await client.send(request(b"x,y"))
    assert first.json() == {"name": "a", "size": 3, "to": "charite"}
    again = await client.send(request(b"x,y"))
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    is_problem(await client.send(request(b"x,z")), 422, "idempotency_key_reused")


async def test_an_answer_with_a_secret_is_kept_nowhere(api: Api, client: httpx.AsyncClient) -> None:
    headers = api.headers(idempotency_key=KEY)
    first = await client.post("/notes/secret", headers=headers)
    assert first.json() == {"code": "once only"}
    is_problem(await client.post("/notes/secret", headers=headers), 409, "answered_once")
    kept = await api.database["idempotency"].find().to_list(None)
    assert "once only" not in str(kept)


async def test_a_repeated_upload_is_recognized_whatever_its_multipart_boundary(
    api: Api, client: httpx.AsyncClient
) -> None:
    headers, file = api.headers(idempotency_key=KEY), {"file": ("people.csv", b"x" * (2 << 20))}
    first = await client.post("/files", data={"name": "a"}, files=file, headers=headers)
    again = await client.post("/files", data={"name": "a"}, files=file, headers=headers)
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    assert first.request.headers["content-type"] != again.request.headers["content-type"]
    for other in (("people.csv", b"x" * (2 << 20) + b"y"), ("others.csv", b"x" * (2 << 20))):
        refused = await client.post("/files", data={"name": "a"}, files={"file": other}, headers=headers)
        is_problem(refused, 422, "idempotency_key_reused")


@dataclass(frozen=True)
class WatchedScope(Scope):
    """Records the threads in which it encrypts and decrypts."""

    threads: list[int] = field(default_factory=list)

    def encrypt(self, answer: bytes) -> bytes:
        self.threads.append(get_ident())
        return super().encrypt(answer)

    def decrypt(self, stored: bytes) -> bytes:
        self.threads.append(get_ident())
        return super().decrypt(stored)


@pytest.mark.parametrize(("size", "is_off_the_loop"), [(1 << 10, False), (1 << 20, True)])
async def test_a_long_answer_is_encrypted_and_decrypted_in_a_thread(
    api: Api, size: int, *, is_off_the_loop: bool
) -> None:
    idempotency, scope = Idempotency(api.database), WatchedScope(f"thread/{size}")
    assert await idempotency.begin(scope, "fingerprint") is None
    await idempotency.finish(scope, Response(b"x" * size, 201))
    again = await idempotency.begin(scope, "fingerprint")
    assert again is not None
    assert again.body == b"x" * size
    assert [thread != get_ident() for thread in scope.threads] == [is_off_the_loop] * 2


@pytest.mark.parametrize(("size", "status"), [(11 << 20, 201), ((11 << 20) + 1, 409), (30 << 20, 409)])
async def test_an_answer_too_large_for_a_document_is_not_kept_and_the_key_stays_used(
    api: Api, size: int, status: int
) -> None:
    idempotency, scope = Idempotency(api.database), Scope(f"charite/{size}")
    assert await idempotency.begin(scope, "fingerprint") is None
    await idempotency.finish(scope, Response(b"x" * size, 201))
    again = await idempotency.begin(scope, "fingerprint")
    assert again is not None
    assert again.status_code == status


class FullCache:
    """A collection whose server has no room for a large write."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._collection, name)

    async def update_one(self, wanted: Document, update: Any, **options: Any) -> Any:
        if isinstance(update, dict) and len(update["$set"].get("body", b"")) > 1 << 20:
            raise WriteError("transaction is too large and will not fit in the storage engine cache", 388)
        return await self._collection.update_one(wanted, update, **options)


async def test_an_answer_that_the_server_has_no_room_for_is_not_kept_and_the_key_stays_used(api: Api) -> None:
    idempotency, scope = Idempotency(api.database), Scope("charite/no-room")
    assert await idempotency.begin(scope, "fingerprint") is None
    idempotency._answers = FullCache(idempotency._answers)
    await idempotency.finish(scope, Response(b"x" * (2 << 20), 201))
    again = await idempotency.begin(scope, "fingerprint")
    assert again is not None
    assert again.status_code == 409
