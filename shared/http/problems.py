"""Problem details (RFC 9457): the only place where HTTP statuses are chosen."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from shared.auth import Unauthenticated
from shared.errors import Conflict, DomainError, FieldError, Forbidden, NotFound, Rejected, StaleVersion
from shared.mongo import is_outage
from shared.telemetry import logger

_log = logger(__name__)
_STATUS: Mapping[type[DomainError], int] = {NotFound: 404, Forbidden: 403, Conflict: 409, Rejected: 422}


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
    """For a route's `responses=`: which problems it may answer with."""
    content = {"application/problem+json": {"schema": Problem.model_json_schema()}}
    return {status: {"description": "Problem details (RFC 9457)", "content": content} for status in statuses}


def answer_problems(app: FastAPI) -> None:
    @app.exception_handler(DomainError)
    async def on_domain_error(_: Request, error: DomainError) -> Response:
        status = next(status for family, status in _STATUS.items() if isinstance(error, family))
        retry = {"Retry-After": "1"} if error.code == "idempotency_key_in_use" else {}
        return problem(status, error.code, error.message, errors=getattr(error, "errors", ()), headers=retry)

    @app.exception_handler(StaleVersion)
    async def on_stale_version(_: Request, error: StaleVersion) -> Response:
        return problem(412, "version_stale", str(error))

    @app.exception_handler(Unauthenticated)
    async def on_unauthenticated(_: Request, error: Unauthenticated) -> Response:
        return problem(401, error.code, error.message, headers={"WWW-Authenticate": f'Bearer error="{error.code}"'})

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_: Request, error: RequestValidationError) -> Response:
        errors = [
            FieldError(".".join(map(str, wrong["loc"][1:])) or str(wrong["loc"][0]), wrong["msg"])
            for wrong in error.errors()
        ]
        return problem(422, "request_invalid", "the request does not fit: see errors", errors=errors)

    @app.exception_handler(HTTPException)
    async def on_http(_: Request, error: HTTPException) -> Response:
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
        return problem(error.status_code, code, str(error.detail), headers=error.headers)

    @app.exception_handler(Exception)
    async def on_fault(_: Request, error: Exception) -> Response:
        if is_outage(error):
            return problem(
                503, "store_unavailable", "the store cannot be reached: try again", headers={"Retry-After": "2"}
            )
        _log.error("request failed", exc_info=error)
        return problem(500, "fault", "a fault of ours; it is in the logs under the X-Correlation-Id of this answer")
