"""What can be wrong, in families that decide what happens next.

    DomainError            the request is wrong and always will be; HTTP 4xx, a record parks at once
    ├── NotFound           unknown, or another institution's: the two are never told apart
    ├── Forbidden          known to whoever asks, but not theirs to do
    ├── Conflict           the state does not allow it (already exists, already used, inactive)
    └── Rejected           a value is wrong; `errors` names each place
    StaleVersion           somebody was faster: reload and try again
    ├── VersionMismatch    the version that the caller named is not the current one; HTTP 412
    └── Contended          tried many times, and each time another change was faster; HTTP 503

Everything else is a fault: retried with backoff, then parked with its cause. Statuses are chosen in `shared/http` only.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong value: where (`topics_wanted[2]`) and what would be right. Never the value of a personal field."""

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


class StaleVersion(Exception):
    def __init__(self, *, found: int, expected: int) -> None:
        super().__init__(
            f"it has changed since you read it (version {found}, not {expected}): load it again and repeat your change"
        )
        self.found = found
        self.expected = expected


class VersionMismatch(StaleVersion): ...


class Contended(StaleVersion): ...
