"""Problem details (RFC 9457): the only place where HTTP statuses are chosen."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from shared.auth import IssuerUnavailable, Unauthenticated
from shared.errors import (
    Conflict,
    Contended,
    DomainError,
    FieldError,
    Forbidden,
    NotFound,
    Rejected,
    StaleVersion,
    TooManyRequests,
)
from shared.mongo import PyMongoError, is_outage
from shared.refusals import worded
from shared.telemetry import current_trace, logger

_log = logger(__name__)
_STATUS: Mapping[type[DomainError], int] = {
    NotFound: 404,
    Forbidden: 403,
    Conflict: 409,
    Rejected: 422,
    TooManyRequests: 429,
}
_CODE: Mapping[int, str] = {
    400: "body_unreadable",
    404: "route_not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    414: "address_too_long",
    428: "if_match_missing",
}
_MAX_ERRORS = 50
_PATH_LENGTH = 100


class Problem(BaseModel):
    """RFC 9457. `type` is `urn:preceptor:problem:<code>`; `errors` names each wrong value."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] | None = None


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    body = Problem(
        type=f"urn:preceptor:problem:{code}",
        title=code.replace("_", " "),
        status=status,
        detail=detail,
        errors=[{"field": error.field, "message": error.message} for error in errors] or None,
    )
    return JSONResponse(
        body.model_dump(exclude_none=True), status, headers=headers, media_type="application/problem+json"
    )


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem responses of a route, for its `responses=`."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": "Problem details (RFC 9457)", "content": content} for status in statuses}


def outbox_behind() -> Response:
    detail = "changes cannot be saved at the moment; reading still works: try again later with the same Idempotency-Key"
    return problem(503, "outbox_behind", detail, headers={"Retry-After": "10"})


def answer_problems(app: FastAPI) -> None:
    for family, answer in _ANSWERS.items():
        app.add_exception_handler(family, answer)


async def _on_domain_error(_: Request, error: Any) -> Response:
    status = next(status for family, status in _STATUS.items() if isinstance(error, family))
    seconds = getattr(error, "retry_after_seconds", None)
    retry = {} if seconds is None else {"Retry-After": str(seconds)}
    return problem(status, error.code, error.message, errors=getattr(error, "errors", ()), headers=retry)


async def _on_stale_version(_: Request, error: Any) -> Response:
    return problem(412, "version_stale", str(error))


async def _on_contended(_: Request, __: Any) -> Response:
    detail = "others changed this at the same time, so nothing was saved: try again with the same Idempotency-Key"
    return problem(503, "contended", detail, headers={"Retry-After": "1"})


async def _on_unauthenticated(_: Request, error: Any) -> Response:
    # RFC 6750 section 3: without a token the challenge has no error code.
    challenge = "Bearer" if error.code == "token_missing" else 'Bearer error="invalid_token"'
    return problem(401, error.code, error.message, headers={"WWW-Authenticate": challenge})


async def _on_issuer_unavailable(_: Request, error: Any) -> Response:
    detail = "your token cannot be checked at the moment, because its issuer's keys are not known here yet: try again"
    return problem(503, "issuer_unavailable", detail, headers={"Retry-After": str(error.retry_after_seconds)})


async def _on_invalid(_: Request, error: Any) -> Response:
    wrong = error.errors()
    more = f", and {len(wrong) - _MAX_ERRORS} more" if len(wrong) > _MAX_ERRORS else ""
    errors = [FieldError(_path(invalid["loc"]), worded(invalid)) for invalid in wrong[:_MAX_ERRORS]]
    return problem(422, "request_invalid", f"some values are wrong: see errors{more}", errors=errors)


async def _on_http(_: Request, error: Any) -> Response:
    code = _CODE.get(error.status_code, "http_error")
    return problem(error.status_code, code, str(error.detail), headers=error.headers)


async def _on_store_error(_: Request, error: Any) -> Response:
    if not is_outage(error):
        raise error
    return problem(
        503,
        "store_unavailable",
        "the database cannot be reached at the moment: try again",
        headers={"Retry-After": "2"},
    )


async def _on_fault(_: Request, error: Any) -> Response:
    _log.error("request failed", exc_info=error)
    # This handler runs outside of our middleware, which adds the header to other answers.
    correlation = {"X-Correlation-Id": current_trace("").correlation_id}
    detail = "a fault on our side: try again; if it stays, tell the operator this answer's X-Correlation-Id"
    return problem(500, "fault", detail, headers=correlation)


_ANSWERS: Mapping[type[Exception], Callable[[Request, Any], Awaitable[Response]]] = {
    DomainError: _on_domain_error,
    StaleVersion: _on_stale_version,
    Contended: _on_contended,
    Unauthenticated: _on_unauthenticated,
    IssuerUnavailable: _on_issuer_unavailable,
    RequestValidationError: _on_invalid,
    HTTPException: _on_http,
    PyMongoError: _on_store_error,
    Exception: _on_fault,
}


def _path(loc: Sequence[str | int]) -> str:
    """`topics_wanted.2`; shortened, because field names too come from the sender."""
    return (".".join(map(str, loc[1:])) or str(loc[0]))[:_PATH_LENGTH]
