"""State machines as tables: which command moves which state where. The docs draw them, tests try every cell."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.errors import Conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class StateMachine:
    name: str
    """What has the state, for messages and diagrams: `mentorship`."""
    initial: tuple[str, ...]
    moves: Mapping[str, Mapping[str, str]]
    """By command: the states that allow it, each with the state that follows."""

    def after(self, state: str, command: str) -> str:
        """Returns the state that follows. Raises `Conflict`, which names the state and the possible commands."""
        moves = self.moves[command]
        if state in moves:
            return moves[state]
        possible = ", ".join(_words(other) for other in self.commands(state)) or "nothing more"
        raise Conflict(
            f"{self.name}_{state}",
            f"the {_words(self.name)} is in the state {_words(state)}, which does not allow this; possible: {possible}",
        )

    def allows(self, state: str, command: str) -> bool:
        return state in self.moves[command]

    def commands(self, state: str) -> tuple[str, ...]:
        return tuple(command for command, moves in self.moves.items() if state in moves)

    @property
    def states(self) -> tuple[str, ...]:
        moves = [pair for table in self.moves.values() for pair in table.items()]
        return tuple(dict.fromkeys([*self.initial, *(state for pair in moves for state in pair)]))

    def as_mermaid(self) -> str:
        lines = [f"    [*] --> {state}" for state in self.initial]
        for command, moves in self.moves.items():
            lines += [f"    {before} --> {after}: {_words(command)}" for before, after in moves.items()]
        ends = [state for state in self.states if not self.commands(state)]
        return "\n".join(["stateDiagram-v2", *lines, *(f"    {state} --> [*]" for state in ends)])


def _words(name: str) -> str:
    return name.replace("_", " ")
