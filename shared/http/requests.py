"""Reads and checks requests: body limits, strict JSON, query parameters; dependencies for sign-in, version and id."""

import re
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Annotated, Any, Generic, TypeVar, get_origin

from fastapi import Depends, Header, Query, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.params import Form
from pydantic import BaseModel, BeforeValidator, TypeAdapter, ValidationError
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError
from python_multipart.multipart import parse_options_header
from starlette._utils import AwaitableOrContextManager
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from shared.auth import Authenticator, Principal
from shared.contracts.envelope import Trace
from shared.errors import FieldError, Rejected
from shared.http.cursors import to_cursor
from shared.offloop import off_loop
from shared.strict_json import Unreadable, read_body
from shared.telemetry import current_trace

T = TypeVar("T")
Found = TypeVar("Found")
_ERRORS_SHOWN = 10
_NAME_SHOWN = 50
_READ_AT_ONCE_BYTES = 32 * 1024
_FORM_CHARSETS = frozenset({b"utf-8", b"utf8"})


class Page(BaseModel, Generic[T]):
    """`next` is the cursor of the page after this one; absent on the last."""

    items: Sequence[T]
    next: str | None = None


def page_of(
    found: Sequence[Found], read: Callable[[Found], T], *, limit: int, position: Callable[[Found], Any]
) -> Page[T]:
    """A page of what was `found` with this limit; `position` is where the page after an element begins."""
    following = to_cursor(position(found[-1])) if len(found) == limit else None
    return Page(items=[read(element) for element in found], next=following)


class BoundedRequest(Request):
    """A request with a limited body, and with strict JSON (`shared/strict_json.py`)."""

    max_bytes = 1 << 20
    max_files = 4
    max_form_fields = 20

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Counts the received bytes: Content-Length can be wrong, and chunked bodies have none."""
        received = 0
        async for chunk in super().stream():
            received += len(chunk)
            if received > self.max_bytes:
                raise HTTPException(413, f"the body is too large: it may have at most {self.max_bytes} bytes")
            yield chunk

    def form(self, **_: Any) -> AwaitableOrContextManager[FormData]:
        """Accepts forms in UTF-8 only, with a limited number of files and fields: Starlette decodes with any Python
        codec that the header names, and some take quadratic time (punycode) or raise (undefined).
        """
        parameters = parse_options_header(self.headers.get("content-type"))[1]
        if parameters.get(b"charset", b"utf-8").lower() not in _FORM_CHARSETS:
            raise HTTPException(400, "the form must be in UTF-8: leave `charset` out of Content-Type")
        return super().form(max_files=self.max_files, max_fields=self.max_form_fields)

    @property
    def is_multipart(self) -> bool:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower() == "multipart/form-data"

    async def json(self) -> Any:
        """Parses long bodies in a thread, so that they do not delay other requests."""
        body = await self.body()
        try:
            return read_body(body) if len(body) <= _READ_AT_ONCE_BYTES else await off_loop(read_body, body)
        except Unreadable as wrong:
            raise HTTPException(400, f"the body {wrong}") from None


def json_body(dependant: Dependant) -> TypeAdapter[Any] | None:
    """The type of a route's JSON body; None where it takes none."""
    bodies = [field.field_info for field in dependant.body_params if not isinstance(field.field_info, Form)]
    return TypeAdapter(bodies[0].annotation) if bodies and bodies[0].annotation else None


def form_body(dependant: Dependant) -> bool:
    return any(isinstance(field.field_info, Form) for field in dependant.body_params)


async def refuse_coerced_values(request: Request, body: TypeAdapter[Any] | None) -> None:
    """Refuses values of a wrong JSON type, such as `"4"` for an integer, which FastAPI would convert.

    FastAPI refuses an empty body.
    """
    if body is None:
        return
    content = await request.body()
    if not content:
        return
    await request.json()  # refuses NaN, and excessive depth and keys, before a model reads the body
    errors = (
        _coerced_values(content, body)
        if len(content) <= _READ_AT_ONCE_BYTES
        else await off_loop(_coerced_values, content, body)
    )
    if errors:
        raise RequestValidationError(errors)


def _coerced_values(content: bytes, body: TypeAdapter[Any]) -> list[dict[str, Any]]:
    try:
        body.validate_json(content, strict=True)
    except ValidationError as wrong:
        errors = wrong.errors(include_input=False, include_url=False)
        return [{**error, "loc": ("body", *error["loc"])} for error in errors]
    return []


def query_parameters(dependant: Dependant) -> Mapping[str, bool]:
    """Names of the query parameters, each with whether it may be repeated."""
    direct = {field.alias: get_origin(field.field_info.annotation) is list for field in dependant.query_params}
    return direct | {name: many for part in dependant.dependencies for name, many in query_parameters(part).items()}


def refuse_unknown_query(request: Request, allowed: Mapping[str, bool]) -> None:
    """Refuses unknown and repeated parameters: a misspelled filter, or all but the last value of a repeated parameter,
    would have no effect.
    """
    sent = Counter(name for name, _ in request.query_params.multi_items())
    unknown = [name for name in sent if name not in allowed]
    repeated = [name for name, times in sent.items() if times > 1 and name in allowed and not allowed[name]]
    if not unknown and not repeated:
        return
    takes = f"this route takes {', '.join(sorted(allowed))}" if allowed else "this route takes no query parameters"
    errors = [FieldError(shown(name), f"unknown query parameter; {takes}") for name in unknown[:_ERRORS_SHOWN]]
    errors += [FieldError(name, "must be sent once") for name in repeated]
    named = ", ".join(error.field for error in errors)
    more = f" and {len(unknown) - _ERRORS_SHOWN} more" if len(unknown) > _ERRORS_SHOWN else ""
    raise Rejected("query_invalid", f"these query parameters cannot be used: {named}{more}; {takes}", tuple(errors))


def shown(name: str) -> str:
    """A sender's name for something, shortened and printable."""
    return "".join(character if character.isprintable() else "?" for character in name[:_NAME_SHOWN]) or "(empty)"


# Dependencies are coroutines: FastAPI would run a function in a thread, which takes 0.3 ms.
async def principal(request: Request) -> Principal:
    """Signs in: `me: Annotated[Principal, Depends(principal)]` (or `SignedIn`)."""
    known: Principal | None = getattr(request.state, "principal", None)
    if known is None:
        authenticator: Authenticator = request.app.state.authenticator
        known = await authenticator.principal(request.headers.get("authorization"))
        request.state.principal = known
    return known


async def new_id(request: Request) -> str:
    """A new aggregate's id, derived from the Idempotency-Key: a retry after a crash creates nothing twice."""
    return getattr(request.state, "id", None) or str(request.app.state.clock.new_id())


_TAG: JsonDict = {"type": "string", "pattern": r'^(W/)?"[0-9]{1,15}"$', "example": '"7"'}


async def expected_version(
    if_match: Annotated[
        str | None, Header(description='Required: the ETag last read, like `"7"`', json_schema_extra=_TAG)
    ] = None,
) -> int:
    """The required If-Match of a change: 428 without it (RFC 6585), 412 where it is not the current version."""
    if if_match is None:
        raise HTTPException(
            428, 'send If-Match with the ETag that you last read, like "7", so that no other change is overwritten'
        )
    return _version(if_match)


async def known_version(
    if_match: Annotated[
        str | None,
        Header(description='The ETag last read, like `"7"`: act on nothing newer', json_schema_extra=_TAG),
    ] = None,
) -> int | None:
    """The optional If-Match of a command that is valid for any version; None where the caller names none."""
    return None if if_match is None else _version(if_match)


def _version(if_match: str) -> int:
    match = re.fullmatch(r'(?:W/)?"([0-9]{1,15})"', if_match.strip())
    if match is None:
        raise Rejected("if_match_malformed", 'If-Match must be the ETag that you last read, like "7"')
    return int(match[1])


async def trace(request: Request) -> Trace:
    return current_trace(request.app.state.clock.new_id())


def _plain_integer(text: Any) -> Any:
    if isinstance(text, str) and not re.fullmatch(r"0|[1-9][0-9]{0,8}", text):
        raise PydanticCustomError("int_parsing", "must be a whole number, such as 1")
    return text


SignedIn = Annotated[Principal, Depends(principal)]
NewId = Annotated[str, Depends(new_id)]
ExpectedVersion = Annotated[int, Depends(expected_version)]
KnownVersion = Annotated[int | None, Depends(known_version)]
Traced = Annotated[Trace, Depends(trace)]
PLAIN_INTEGER = BeforeValidator(_plain_integer)
"""For an integer in a path, in its annotation: pydantic alone takes `1.0`, `+1` and `1_0` too."""
Limit = Annotated[int, Query(ge=1, le=200, description="Items on a page")]


def etag(version: int) -> str:
    return f'"{version}"'


def with_etag(response: Response, version: int, read: T) -> T:
    """`read`, as the answer to a request for a resource of this version."""
    response.headers["etag"] = etag(version)
    return read
