"""Completes the OpenAPI document: derives each route's common problem responses from its dependencies.

A route with a sign-in can answer 401 and 403, a route with a body 400, a route with an id 404. A route declares only
problems of its own.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant

from shared.http.problems import Problem, problems
from shared.http.requests import expected_version, known_version, principal

Json = dict[str, Any]

_CORRELATION = {"description": "The request's id in the logs", "schema": {"type": "string"}}
_OF_STATUS: Mapping[str, Json] = {
    "401": {"WWW-Authenticate": {"description": "RFC 6750", "required": True, "schema": {"type": "string"}}},
    "409": {
        "Retry-After": {
            "description": "Seconds until the Idempotency-Key is free again, with `idempotency_key_in_use`",
            "schema": {"type": "integer"},
        }
    },
    "429": {"Retry-After": {"description": "Seconds", "required": True, "schema": {"type": "integer"}}},
    "503": {"Retry-After": {"description": "Seconds", "required": True, "schema": {"type": "integer"}}},
}
_REPLAYED = {"description": "`true`: this answer was given before", "schema": {"const": "true"}}


class Documented(FastAPI):
    def openapi(self) -> Json:
        if self.openapi_schema is None:
            document = super().openapi()
            components = document.setdefault("components", {})
            components.setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
            components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            for path in document["paths"].values():
                for method, operation in path.items():
                    _complete(operation, method)
        return super().openapi()


def route_extras(dependant: Dependant, methods: Collection[str]) -> Json:
    """The common responses and the security scheme of a route, for its `openapi_extra`."""
    needs = {dependency.call for dependency in dependant.dependencies}
    statuses = sorted(
        _statuses(needs, methods, has_body=bool(dependant.body_params), has_id=bool(dependant.path_params))
    )
    responses = {str(status): response for status, response in problems(*statuses).items()}
    return {"responses": responses} | ({"security": [{"token": []}]} if principal in needs else {})


def _statuses(needs: set[Any], methods: Collection[str], *, has_body: bool, has_id: bool) -> Iterator[int]:
    yield from (422, 503)
    if principal in needs:
        yield from (401, 403)
    if has_body:
        yield 400
    if has_body or "POST" in methods:
        yield 413
    if has_id:
        yield 404
    if "POST" in methods:
        yield 409
    if expected_version in needs:
        yield from (412, 428)
    if known_version in needs:
        yield 412


def _complete(operation: Json, method: str) -> None:
    """Documents headers. The Idempotency-Key and If-Match are required: we refuse a request without, not FastAPI."""
    for status, response in operation["responses"].items():
        response["headers"] = {"X-Correlation-Id": _CORRELATION, **_OF_STATUS.get(status, {})}
        if method == "post" and status.startswith("2"):
            response["headers"]["Idempotency-Replayed"] = _REPLAYED
    for parameter in operation.get("parameters", []):
        if parameter["name"] == "Idempotency-Key" or (
            parameter["name"].lower() == "if-match" and "428" in operation["responses"]
        ):
            parameter["required"] = True
            parameter["schema"] = {key: value for key, value in parameter["schema"].items() if key != "anyOf"}
