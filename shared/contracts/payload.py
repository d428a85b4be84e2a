"""The form every event's data has: frozen, past tense, enough to act on without calling back.

Within a major version only optional fields come and go (FULL_TRANSITIVE), so a reader ignores what it does not know.
"""

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, StringConstraints

Id = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""An aggregate's id. No colon: a partition key is `<institution>:<aggregate id>`."""

Slug = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-z0-9]+(?:[-_][a-z0-9]+)*$")]
"""A term of a vocabulary: `internal-medicine`, `research-methods`."""


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class Payload(Part):
    TYPE: ClassVar[str]
    TOPIC: ClassVar[str]

    @property
    def aggregate(self) -> str:
        """The id that goes into the partition key and the CloudEvents `subject`."""
        raise NotImplementedError


class Recipient(Part):
    """Somebody who must hear of a fact."""

    member: Id
    institution: Id
