"""Base classes and types of event payloads, which are frozen, in the past tense and sufficient without a query.

Within a major version only optional fields are added or removed (FULL_TRANSITIVE); readers ignore unknown fields.

Every integer, string, list and date has a bound, so that a store and an index can hold the values of every readable
record. Bounds added after a field's first publication are checked by readers and are in no schema: a narrower schema
would be incompatible (docs/events.md, "Bounds").
"""

from collections.abc import Sized
from datetime import UTC, datetime
from operator import attrgetter
from typing import Annotated, ClassVar, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from shared.contracts.descriptions import Described

_Sized = TypeVar("_Sized", bound=Sized)
_FIRST_YEAR, _LAST_YEAR = 2000, 2200
SEQUENCE_LIMIT = 1 << 53
"""An epoch of 13 bits and a count of 40 (`shared.epochs`): exact in JavaScript, and within MongoDB's 64 bits."""


def between(least: int, most: int) -> AfterValidator:
    """Bounds of an integer: outside of them a record is malformed."""

    def check(value: int) -> int:
        if not least <= value <= most:
            raise ValueError(f"must be from {least} to {most}")
        return value

    return AfterValidator(check)


def at_most(longest: int) -> AfterValidator:
    """The maximum length of a string, list or mapping."""

    def check(value: _Sized) -> _Sized:
        if len(value) > longest:
            raise ValueError(f"must not be longer than {longest}")
        return value

    return AfterValidator(check)


def _datable(moment: datetime) -> datetime:
    """Limits years, so that every conversion between time zones succeeds."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC) <= aware < datetime(_LAST_YEAR, 1, 1, tzinfo=UTC):
        raise ValueError(f"must be in the years {_FIRST_YEAR} to {_LAST_YEAR - 1}")
    return moment


Id = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""An aggregate's id. No colon: a partition key is `<institution>:<aggregate id>`."""

Slug = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-z0-9]+(?:[-_][a-z0-9]+)*$")]
"""A term of a vocabulary: `internal-medicine`, `research-methods`."""

Count = Annotated[int, between(0, 1_000_000_000)]
Sequence = Annotated[int, between(0, SEQUENCE_LIMIT - 1)]
"""A version or position that is also a record's sequence."""
Weight = Annotated[int, between(0, 100)]
Code = Annotated[str, at_most(300)]
"""A short text for machines: a hash, a topic, a time zone."""
Text = Annotated[str, at_most(2_000)]
"""A short text for people."""
Moment = Annotated[datetime, AfterValidator(_datable)]
Few = at_most(1_000)
"""A bound on a list that people fill."""
Many = at_most(20_000)
"""A bound on a list of institutions or of people named one by one."""


class Part(Described, BaseModel):
    # A process validates few of the events: pydantic builds each validator at its first use.
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Payload(Part):
    TYPE: ClassVar[str]
    TOPIC: ClassVar[str]
    AGGREGATE: ClassVar[str]
    """The field with the id that goes into the partition key and the CloudEvents `subject`."""
    TENANT: ClassVar[str] = "institution"
    """Where the institution of the partition key is. A record under another institution's key is not trusted."""

    @property
    def aggregate(self) -> str:
        return str(getattr(self, self.AGGREGATE))

    @property
    def tenant(self) -> str:
        return str(attrgetter(self.TENANT)(self))


class Recipient(Part):
    """A member who must be notified of a fact."""

    member: Id
    institution: Id
