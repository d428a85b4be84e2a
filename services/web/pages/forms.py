"""Forms: what was posted, and how a page shows it again with its errors. Nothing typed is lost by an error."""

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import FormData, UploadFile

from shared.http.requests import BoundedRequest

CSRF, ONCE, OWNER, VERSION = "_csrf", "_once", "_owner", "_version"
"""Hidden fields of every form: the session's token, the idempotency key, to whom it was shown, the version edited."""


_SENT_ON = re.compile(r"[!-~]{1,200}")


@dataclass(frozen=True, slots=True)
class Form:
    """Values by field; errors by field, and those of the whole form."""

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[str] = ()
    files: Mapping[str, UploadFile] = field(default_factory=dict)

    def text(self, name: str) -> str:
        return self.values.get(name, ("",))[0]

    def number(self, name: str) -> int | None:
        """A whole number of at most nine digits; None for anything else."""
        return number_in(self.text(name))

    def many(self, name: str) -> Sequence[str]:
        return [value for value in self.values.get(name, ()) if value]

    def has(self, name: str, value: str) -> bool:
        return value in self.values.get(name, ())

    def with_errors(self, errors: Mapping[str, str], *problems: str) -> "Form":
        return Form(self.values, errors, problems, self.files)

    @property
    def idempotency_key(self) -> str:
        """The idempotency key: the same when a form is sent twice."""
        return self.text(ONCE)

    @property
    def version(self) -> str:
        """The ETag of what the form shows."""
        return self.text(VERSION)

    @property
    def is_sendable(self) -> bool:
        """Whether the idempotency key and the version can be headers of a request to a service."""
        return all(_SENT_ON.fullmatch(text) for text in (self.idempotency_key, self.version or "-"))

    @property
    def typed(self) -> tuple[tuple[str, str], ...]:
        """What a person has typed and chosen."""
        hidden = {CSRF, ONCE, OWNER, VERSION}
        return tuple((name, value) for name, values in self.values.items() if name not in hidden for value in values)


def number_in(text: str) -> int | None:
    """Python alone reads digits of every script, and refuses to read thousands of them."""
    return int(text.strip()) if re.fullmatch(r"\s*[0-9]{1,9}\s*", text) else None


def form_of(pairs: Sequence[tuple[str, str]]) -> Form:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return Form(values)


def form_from(data: FormData) -> Form:
    pairs = [(name, value.replace("\r\n", "\n")) for name, value in data.multi_items() if isinstance(value, str)]
    files = {name: value for name, value in data.multi_items() if isinstance(value, UploadFile) and value.filename}
    return Form(form_of(pairs).values, files=files)


class PageRequest(BoundedRequest):
    max_bytes = 1 << 20
    max_form_fields = 200


class UploadRequest(PageRequest):
    max_bytes = 30 << 20


class PageRoute(APIRoute):
    request_class: type[PageRequest] = PageRequest

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            return await handle(self.request_class(request.scope, request.receive))

        return bounded


class UploadRoute(PageRoute):
    request_class = UploadRequest


def page_router(*, route_class: type[PageRoute] = PageRoute) -> APIRouter:
    return APIRouter(route_class=route_class, include_in_schema=False)
