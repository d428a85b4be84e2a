"""What a stack is: where its servers answer, which kind it is, and where it may keep its files."""

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
    """A kind of stack cannot run here; the message says why, for people."""


@dataclass(frozen=True, slots=True)
class Stack:
    kind: Kind
    bootstrap: str
    mongo_uris: Mapping[str, str]
    notes: tuple[str, ...] = ()
    """What whoever uses it should know, such as limits."""
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Of the services, where the stack runs them itself (Docker)."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a stack keeps its files, and how it talks."""

    folder: Path
    journal: Journal
    say: Callable[[str], None]
    tied: bool = False
    """Servers die with the process that starts them: for tests and demos, which may be killed."""
