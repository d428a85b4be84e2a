"""The exception families, which decide how a failure is handled.

    DomainError            the request is wrong and always will be; HTTP 4xx, a record is parked at once
    ├── NotFound           unknown, or another institution's: the answer is the same for both
    ├── Forbidden          the caller may see it, but not do this
    ├── Conflict           the state does not allow it (already exists, already used, inactive)
    ├── Rejected           a value is wrong; `errors` names each field
    └── TooManyRequests    the caller asks too often; HTTP 429 says how long to wait
    StaleVersion           a concurrent change was saved first: reload and try again
    ├── VersionMismatch    the version that the caller named is not current; HTTP 412
    └── Contended          every attempt met a concurrent change; HTTP 503

Any other exception is a fault: it is retried with back-off, then the record is parked with its cause. HTTP statuses are
chosen in `shared/http` only.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """A wrong value: its path (`topics_wanted[2]`) and what would be right. Never the value of a personal field."""

    field: str
    message: str


class DomainError(Exception):
    """`code` is stable and machine-readable (`member_not_found`); `message` says what would be right."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class NotFound(DomainError): ...


class Forbidden(DomainError): ...


class Conflict(DomainError): ...


class Rejected(DomainError):
    def __init__(self, code: str, message: str, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(code, message)
        self.errors = errors


class TooManyRequests(DomainError):
    def __init__(self, code: str, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(code, message)
        self.retry_after_seconds = retry_after_seconds


class StaleVersion(Exception):
    def __init__(self, *, found: int, expected: int) -> None:
        super().__init__(
            f"it has changed since you read it (version {found}, not {expected}): load it again and repeat your change"
        )
        self.found = found
        self.expected = expected


class VersionMismatch(StaleVersion): ...


class Contended(StaleVersion): ...
