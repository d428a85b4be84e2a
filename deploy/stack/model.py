"""A stack: Kafka and MongoDB servers of one kind, with their addresses and files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from deploy.names import SERVICES
from deploy.stack.programs import Journal

__all__ = ["KINDS", "SERVICES", "Kind", "Site", "Stack", "Unavailable"]

Kind = Literal["env", "docker", "native", "embedded"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Unavailable(RuntimeError):
    """A kind of stack cannot run here. People read the message."""


@dataclass(frozen=True, slots=True)
class Stack:
    kind: Kind
    bootstrap: str
    mongo_uris: Mapping[str, str]
    notes: tuple[str, ...] = ()
    """For people, such as limits."""
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Of the services, where the stack runs them itself (Docker)."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a stack keeps its files, and how it reports."""

    folder: Path
    journal: Journal
    say: Callable[[str], None]
    tied: bool = False
    """Whether servers end with the process that started them: for tests and demos, which may be killed."""
