"""Requests as an enemy sends them: the right problem, nothing changed, nothing of what was sent said back."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pymongo.errors import AutoReconnect, OperationFailure

from deploy.issuer import LocalIssuer
from shared.http import to_cursor
from tests.component.http_kit import SECRET, Api, running


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


def is_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json().get("type")) == (status, f"urn:preceptor:problem:{code}"), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-correlation-id"]
    assert answer.json()["status"] == status
    assert answer.json()["detail"]
    assert SECRET not in answer.text
    assert SECRET not in str(answer.headers)
    assert len(answer.content) < 20_000


_COERCED = ('{"text": "x", "weight": "7"}', '{"text": "x", "weight": true}', '{"text": "x", "weight": 7}')
_NOT_UTF8 = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "utf-8-sig")


async def written(api: Api, client: httpx.AsyncClient) -> str:
    answer = await client.post("/notes", json={"text": "first"}, headers=api.headers())
    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"'), answer.text
    return str(answer.json()["id"])


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        ({"lifetime_seconds": -60}, 401, "token_expired"),
        ({"claims": {"aud": "another"}}, 401, "audience_wrong"),
        ({"claims": {"iss": f"https://{SECRET}"}}, 401, "issuer_unknown"),
        ({"headers": {"kid": SECRET}}, 503, "issuer_unavailable"),
        ({"claims": {"roles": 7}}, 401, "claims_malformed"),
        ({"claims": {"institution": [SECRET]}}, 403, "institution_refused"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
async def test_a_token_that_does_not_hold_changes_nothing_whatever_the_method(
    api: Api, client: httpx.AsyncClient, method: str, token: dict[str, Any], status: int, code: str
) -> None:
    assert (await client.get("/notes", headers=api.headers())).status_code == 200, "the keys are known"
    sent = api.token(SECRET, **token)
    path = "/notes" if method != "PATCH" else "/notes/one"
    answer = await client.request(method, path, content=b"{no json", headers=api.headers(sent, if_match='"1"'))
    is_problem(answer, status, code)
    assert sent not in answer.text
    assert answer.headers.get("www-authenticate") == ('Bearer error="invalid_token"' if status == 401 else None)
    assert await api.notes() == []


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
async def test_a_missing_token_is_refused_before_the_body_is_read(client: httpx.AsyncClient, method: str) -> None:
    path = "/notes" if method != "PATCH" else "/notes/one"
    answer = await client.request(method, path, content=b"x" * (2 << 20))
    is_problem(answer, 401, "token_missing")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_an_unsigned_token_is_refused(api: Api, client: httpx.AsyncClient) -> None:
    _, claims, _ = api.token().split(".")
    answer = await client.get("/notes", headers=api.headers(f"eyJhbGciOiJub25lIn0.{claims}."))
    is_problem(answer, 401, "algorithm_refused")


async def test_unavailable_keys_are_answered_with_503_until_they_are_back(api: Api, client: httpx.AsyncClient) -> None:
    keys = api.issuer.folder / "jwks.json"
    content = keys.read_bytes()
    keys.unlink()
    api.clock.ahead = timedelta(hours=2)
    try:
        answer = await client.get("/notes", headers=api.headers())
    finally:
        keys.write_bytes(content)
    is_problem(answer, 503, "issuer_unavailable")
    assert answer.headers["retry-after"] == "10"


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "request_invalid"),
        (b"{", 400, "body_unreadable"),
        (b'{"text": grace.hopper@example.org}', 400, "body_unreadable"),
        (b'{"text": "x", "weight": NaN}', 400, "body_unreadable"),
        (b'{"text": "x", "weight": -Infinity}', 400, "body_unreadable"),
        (b'{"text": "\xff\xfe"}', 400, "body_unreadable"),
        *((text.encode(encoding), 400, "body_unreadable") for text in _COERCED for encoding in _NOT_UTF8),
        (b'{"text": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", 400, "body_unreadable"),
        (b'{"text": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}", 400, "body_unreadable"),
        (b'{"text": "x", "weight": ' + b"9" * 5000 + b"}", 400, "body_unreadable"),
        (b'{"text": "\\ud800"}', 422, "request_invalid"),
        (b'{"text": "x", "weight": 1e999}', 400, "body_unreadable"),
        (b'{"text": "x", "text": "y"}', 400, "body_unreadable"),
        (b'{"grace.hopper@example.org": 1, "grace.hopper@example.org": 2}', 400, "body_unreadable"),
        (b'{"grace.hopper@example.org": NaN}', 400, "body_unreadable"),
        (b"null", 422, "request_invalid"),
        (b"[]", 422, "request_invalid"),
        (b'"grace.hopper@example.org"', 422, "request_invalid"),
        (b'{"text": {"$ne": "grace.hopper@example.org"}}', 422, "request_invalid"),
        (b'{"text": "x", "weight": "1"}', 422, "request_invalid"),
        (b'{"text": "x", "weight": true}', 422, "request_invalid"),
        (b'{"text": "x", "tags": null}', 422, "request_invalid"),
        (b'{"text": "x", "due": 1700000000}', 422, "request_invalid"),
        (b'{"text": ["grace.hopper@example.org"], "due": "grace.hopper@example.org"}', 422, "request_invalid"),
        (b'{"text": "x", "tags": {"grace.hopper@example.org": 1}}', 422, "request_invalid"),
        (b'{"text": "x", "tags": ["grace.hopper@example.org"]}', 422, "request_invalid"),
        (b'{"tags": ["a"]}', 422, "request_invalid"),
    ],
    ids=lambda value: repr(value[:40]) if isinstance(value, bytes) else "",
)
async def test_an_invalid_body_is_refused_with_the_place_and_never_the_value(
    api: Api, client: httpx.AsyncClient, content: bytes, status: int, code: str
) -> None:
    note = await written(api, client)
    for method, path in (("POST", "/notes"), ("PATCH", f"/notes/{note}")):
        headers = api.headers(content_type="application/json", if_match='"1"')
        is_problem(await client.request(method, path, content=content, headers=headers), status, code)
    assert [(note["text"], note["version"]) for note in await api.notes()] == [("first", 1)]


async def test_json_with_another_content_type_is_not_echoed(api: Api, client: httpx.AsyncClient) -> None:
    body = json.dumps({"text": SECRET}).encode()
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"):
        answer = await client.post("/notes", content=body, headers=api.headers(content_type=content_type))
        is_problem(answer, 422, "request_invalid")


async def test_a_thousand_wrong_values_and_endless_names_get_a_short_answer(
    api: Api, client: httpx.AsyncClient
) -> None:
    wrong = {"text": 1, "tags": [1] * 10_000, **{f"{n}{'x' * 300}": 1 for n in range(100)}}
    answer = await client.post("/notes", json=wrong, headers=api.headers())
    is_problem(answer, 422, "request_invalid")
    assert len(answer.json()["errors"]) == 50
    assert "more" in answer.json()["detail"]


async def test_text_that_looks_like_a_query_operator_is_stored_as_text(api: Api, client: httpx.AsyncClient) -> None:
    odd = ['{"$gt": ""}', "$where", "nul\x00byte", "a.b", "\u202e", "'; drop table"]
    for text in odd:
        assert (await client.post("/notes", json={"text": text}, headers=api.headers())).status_code == 201
        found = await client.get("/notes", params={"text": text}, headers=api.headers())
        assert len(found.json()["items"]) == 1, text
    assert sorted(note["text"] for note in await api.notes()) == sorted(odd)
    refused = await client.get("/notes", params={"text[$ne]": "x"}, headers=api.headers())
    is_problem(refused, 422, "query_invalid")


@pytest.mark.parametrize("id", ["$ne", "a%00b", "%FF%FE", "a%0Ab", "..", "%7B%22$gt%22:%22%22%7D", "x" * 5000, "a:b"])
async def test_a_malformed_id_reaches_no_store(api: Api, client: httpx.AsyncClient, id: str) -> None:
    answer = await client.get(f"/notes/{id}", headers=api.headers())
    assert answer.status_code in {404, 422}, answer.text
    is_problem(answer, answer.status_code, "request_invalid" if answer.status_code == 422 else "route_not_found")


async def test_another_institutions_id_is_as_unknown_as_any(api: Api, client: httpx.AsyncClient) -> None:
    note = await written(api, client)
    theirs = await client.get(f"/notes/{note}", headers=api.headers(api.token(institution="oslo")))
    nobodys = await client.get("/notes/nobody", headers=api.headers())
    is_problem(theirs, 404, "note_not_found")
    assert theirs.json() == nobodys.json()


@pytest.mark.parametrize("cursor", ["x", "%%%", "é", "e30=", "////", "[" * 9_000, "a" * 50_001])
async def test_a_forged_cursor_is_refused(api: Api, client: httpx.AsyncClient, cursor: str) -> None:
    answer = await client.get("/notes", params={"cursor": cursor}, headers=api.headers())
    assert answer.status_code in ({414} if len(cursor) > 8_000 else {409, 422}), answer.text


async def test_a_cursor_cannot_carry_an_operator_or_endless_depth(api: Api, client: httpx.AsyncClient) -> None:
    answer = await client.get("/notes", params={"cursor": to_cursor({"$ne": ""})}, headers=api.headers())
    is_problem(answer, 409, "shape")
    deep = to_cursor(0).replace("MA", "W1tb" * 1_500)
    half = to_cursor("\ud800")
    for cursor in (deep, half):
        answer = await client.get("/notes", params={"cursor": cursor}, headers=api.headers())
        is_problem(answer, 422, "cursor_malformed")


async def test_an_unknown_query_parameter_is_refused_with_its_name_and_the_known_ones(
    api: Api, client: httpx.AsyncClient
) -> None:
    answer = await client.get("/notes", params={"nmae": "Müller", "limit": 5}, headers=api.headers())
    is_problem(answer, 422, "query_invalid")
    assert answer.json()["errors"] == [
        {"field": "nmae", "message": "unknown query parameter; this route takes cursor, limit, text"}
    ]
    assert "Müller" not in answer.text
    answer = await client.get(f"/notes/{await written(api, client)}", params={"text": "x"}, headers=api.headers())
    assert "takes no query parameters" in answer.json()["detail"]


async def test_a_command_with_an_unknown_query_parameter_has_no_effect_and_leaves_its_key_free(
    api: Api, client: httpx.AsyncClient
) -> None:
    headers = api.headers()
    refused = await client.post("/notes?dry_run=true", json={"text": "x"}, headers=headers)
    is_problem(refused, 422, "query_invalid")
    assert await api.notes() == []
    assert (await client.post("/notes", json={"text": "x"}, headers=headers)).status_code == 201


async def test_a_query_parameter_that_is_sent_twice_is_refused(api: Api, client: httpx.AsyncClient) -> None:
    answer = await client.get("/notes?text=a&text=b", headers=api.headers())
    is_problem(answer, 422, "query_invalid")
    assert answer.json()["errors"] == [{"field": "text", "message": "must be sent once"}]


async def test_many_odd_query_parameters_make_a_short_printable_problem(api: Api, client: httpx.AsyncClient) -> None:
    query = "&".join(f"{'x' * 200}{n}%00%1b" for n in range(30))
    answer = await client.get(f"/notes?{query}&=&%E2%80%AEa", headers=api.headers())
    is_problem(answer, 422, "query_invalid")
    assert len(answer.json()["errors"]) == 10
    assert all(len(error["field"]) <= 50 and error["field"].isprintable() for error in answer.json()["errors"])


async def test_query_parameters_are_not_validated_before_the_token(client: httpx.AsyncClient) -> None:
    is_problem(await client.get("/notes?nmae=x"), 401, "token_missing")


@pytest.mark.parametrize("limit", ["0", "-1", "201", "1e3", "NaN", "", SECRET])
async def test_a_page_has_from_1_to_200_items(api: Api, client: httpx.AsyncClient, limit: str) -> None:
    is_problem(await client.get("/notes", params={"limit": limit}, headers=api.headers()), 422, "request_invalid")


@pytest.mark.parametrize(
    ("if_match", "status", "code"),
    [
        (None, 428, "if_match_missing"),
        ("", 422, "if_match_malformed"),
        ("*", 422, "if_match_malformed"),
        ("1", 422, "if_match_malformed"),
        ('"-1"', 422, "if_match_malformed"),
        ('"1", "2"', 422, "if_match_malformed"),
        ('"' + "9" * 400 + '"', 422, "if_match_malformed"),
        ('"²"', 422, "if_match_malformed"),
        ('"0"', 412, "version_stale"),
        ('"2"', 412, "version_stale"),
        ('"999999999999999"', 412, "version_stale"),
    ],
)
async def test_a_change_requires_the_version_it_changes(
    api: Api, client: httpx.AsyncClient, if_match: str | None, status: int, code: str
) -> None:
    note = await written(api, client)
    headers: Any = {name: value.encode() for name, value in api.headers().items()}
    headers |= {} if if_match is None else {"if-match": if_match.encode("latin-1")}
    is_problem(await client.patch(f"/notes/{note}", json={"text": "second"}, headers=headers), status, code)
    assert (await api.notes())[0]["text"] == "first"
    again = await client.patch(f"/notes/{note}", json={"text": "second"}, headers=api.headers(if_match='W/"1"'))
    assert again.json() == {"version": 2}


async def test_a_body_larger_than_its_route_takes_is_refused_while_it_comes(
    api: Api, client: httpx.AsyncClient
) -> None:
    note = await written(api, client)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1 << 16
            yield b" " * (1 << 16)

    for method, path in (("POST", "/notes"), ("PATCH", f"/notes/{note}")):
        sent = 0
        headers = api.headers(content_type="application/json", if_match='"1"')
        answer = await client.request(method, path, content=endless(), headers=headers)
        is_problem(answer, 413, "body_too_large")
        assert sent <= (1 << 20) + (1 << 17)
        lying = headers | {"content-length": "2", "idempotency-key": api.clock.new_id()}
        is_problem(await client.request(method, path, content=b" " * (2 << 20), headers=lying), 413, "body_too_large")
    assert len(await api.notes()) == 1


async def test_a_route_for_files_takes_its_declared_size(api: Api, client: httpx.AsyncClient) -> None:
    file = {"file": ("people.csv", b"x" * (2 << 20))}
    answer = await client.post("/files", data={"name": "a"}, files=file, headers=api.headers())
    assert answer.json() == {"name": "a", "size": 2 << 20, "to": "charite"}
    large = {"file": ("people.csv", b"x" * (3 << 20))}
    answer = await client.post("/files", data={"name": "a"}, files=large, headers=api.headers())
    is_problem(answer, 413, "body_too_large")


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"", "multipart/form-data"),
        (b"--b\r\n", "multipart/form-data; boundary=b"),
        (
            b"--b\r\nContent-Disposition: grace.hopper@example.org\r\n\r\nx\r\n--b--\r\n",
            "multipart/form-data; boundary=b",
        ),
        (b"\xff\x00", "multipart/form-data; boundary=\xff"),
        (b"--b\r\n" + b"a" * 100_000, "multipart/form-data; boundary=b"),
        (b"name=grace.hopper@example.org", "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
    ],
    ids=lambda value: repr(value[:24]),
)
async def test_a_malformed_form_is_answered_with_problem_details(
    api: Api, client: httpx.AsyncClient, content: bytes, content_type: str
) -> None:
    headers: Any = {name: value.encode() for name, value in api.headers().items()}
    headers["content-type"] = content_type.encode("latin-1")
    answer = await client.post("/files", content=content, headers=headers)
    assert answer.status_code in {400, 422}, answer.text
    is_problem(answer, answer.status_code, "body_unreadable" if answer.status_code == 400 else "request_invalid")


_PUNYCODE_OF_QUADRATIC_COST = b"a" * 200_000 + b"-" + b"a" * 200_000


@pytest.mark.parametrize("charset", ["punycode", "undefined", "idna", "utf-16", "utf-7", "latin-1", "unknown", "\x00"])
@pytest.mark.parametrize("value", [b"a", b"xn--99999999a", _PUNYCODE_OF_QUADRATIC_COST], ids=len)
async def test_a_form_in_another_charset_than_utf8_is_refused(
    api: Api, client: httpx.AsyncClient, charset: str, value: bytes
) -> None:
    answer = await client.post("/files", content=_form(value), headers=_form_headers(api, charset))
    is_problem(answer, 400, "body_unreadable")


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf8"'])
async def test_a_form_may_declare_utf8(api: Api, client: httpx.AsyncClient, charset: str) -> None:
    answer = await client.post("/files", content=_form("Zoë".encode()), headers=_form_headers(api, charset))
    assert answer.json() == {"name": "Zoë", "size": 1, "to": "charite"}


def _form(value: bytes) -> bytes:
    name = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n' + value
    file = b'\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nx\r\n--b--\r\n'
    return name + file


def _form_headers(api: Api, charset: str) -> Any:
    headers: dict[str, bytes] = {name: value.encode() for name, value in api.headers().items()}
    return headers | {"content-type": b"multipart/form-data; boundary=b; charset=" + charset.encode()}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"tags": ["a"], "weight": {"topics": [0, NaN]}}', "weight.topics.1 is not finite"),
        (b'{"weight": -1e999}', "weight is not finite"),
        (b'{"weight": ' + b"9" * 5000 + b"}", "weight is not finite, or too long"),
        (b'{"text": "x", "weight": 1, "text": "y"}', "the key text twice"),
        (b'{"weight": NaN, ', "a number is not finite"),
        (b"[" * 32 + b"NaN" + b"]" * 32, "is not finite"),
        (b"[" * 33 + b"]" * 33, "nested deeper than 32 levels"),
        (b"[" * 100_000, "nested deeper than 32 levels"),
        (b"{'text': 1}", "line 1, column 2"),
    ],
    ids=["NaN", "too large", "too long", "twice", "broken", "deep", "deeper", "nested", "no JSON"],
)
async def test_invalid_json_is_refused_with_its_place(
    api: Api, client: httpx.AsyncClient, content: bytes, message: str
) -> None:
    answer = await client.post("/notes", content=content, headers=api.headers(content_type="application/json"))
    is_problem(answer, 400, "body_unreadable")
    assert message in answer.json()["detail"]


async def test_unknown_paths_and_methods_are_answered_with_problem_details(api: Api, client: httpx.AsyncClient) -> None:
    is_problem(await client.get(f"/{SECRET}"), 404, "route_not_found")
    is_problem(await client.put("/notes", headers=api.headers()), 405, "method_not_allowed")
    answer = await client.request("BREW", "/notes/one")
    is_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"]
    exported = (await client.get("/metrics")).text
    assert "BREW" not in exported, "labels are ours, not the sender's"
    assert SECRET not in exported
    is_problem(await client.get("/notes/public", params={"q": SECRET}, headers={"x": SECRET}), 422, "request_invalid")


@pytest.mark.parametrize(
    ("sent", "is_kept"),
    [
        ("4bf92f35-77b3", True),
        ("a" * 128, True),
        ("a" * 129, False),
        ("", False),
        ("a b", False),
        ("a\tb", False),
        ('{"$ne":1}', False),
        ("a\r\nset-cookie: x=1", False),
        ("a\n", False),
        ("é", False),
    ],
)
async def test_a_valid_correlation_id_is_returned(
    api: Api, client: httpx.AsyncClient, sent: str, *, is_kept: bool
) -> None:
    headers: Any = {name: value.encode() for name, value in api.headers().items()}
    headers["x-correlation-id"] = sent.encode()
    answer = await client.post("/notes", json={"text": "x"}, headers=headers)
    assert (answer.headers["x-correlation-id"] == sent) is is_kept
    assert "set-cookie" not in answer.headers
    assert api.correlations == [answer.headers["x-correlation-id"]]


async def test_a_fault_shows_only_its_correlation_id(api: Api, client: httpx.AsyncClient) -> None:
    api.faults = [ValueError(SECRET), OperationFailure(f"dup key {SECRET}")]
    for _ in range(2):
        answer = await client.post("/notes", json={"text": "x"}, headers=api.headers(x_correlation_id="look-here"))
        is_problem(answer, 500, "fault")
        assert answer.headers["x-correlation-id"] == "look-here"


async def test_a_store_that_is_away_is_503_with_a_time_to_come_back(api: Api, client: httpx.AsyncClient) -> None:
    api.faults = [AutoReconnect(SECRET)]
    answer = await client.post("/notes", json={"text": "x"}, headers=api.headers())
    is_problem(answer, 503, "store_unavailable")
    assert answer.headers["retry-after"] == "2"
