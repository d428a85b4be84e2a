"""Text that somebody sends, cleaned at every edge: NFC, and without characters that nobody sees.

Control characters, line ends in a line, zero-width and bidirectional characters are refused by name and position, not
removed: two names that look alike must not differ, and nobody's words are changed unasked. A joiner (U+200C, U+200D) is
taken where writing needs it, as RFC 5892 (appendix A) does: between Arabic letters, after a virama, within an emoji.
"""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
"""Letters and marks that show nothing."""
_JOINERS = "\u200c\u200d"
_VARIATION = "\ufe0f"
_VIRAMA = 9
_CONTROLS = {"\0": "NUL", "\t": "TAB", "\n": "LINE FEED", "\r": "CARRIAGE RETURN", "\x1b": "ESCAPE"}


def clean_line(text: str) -> str:
    """One line. Raises `PydanticCustomError`."""
    return _clean(text, allowed="")


def clean_text(text: str) -> str:
    """Several lines: line feeds and tabs are allowed, and CR LF becomes LF. Raises `PydanticCustomError`."""
    return _clean(text.replace("\r\n", "\n"), allowed="\n\t")


def _clean(text: str, *, allowed: str) -> str:
    normal = unicodedata.normalize("NFC", text)
    if normal.isascii() and normal.isprintable():
        return normal
    for place, character in enumerate(normal):
        if character not in allowed and _is_unseen(character) and not _joins(normal, place):
            name = _CONTROLS.get(character) or unicodedata.name(character, "a control character")
            values = {"name": f"{name} (U+{ord(character):04X})", "position": place + 1}
            raise PydanticCustomError("unseen_character", "must not contain {name}, at character {position}", values)
    return normal


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN or character in _BLANK


def _joins(text: str, place: int) -> bool:
    if text[place] not in _JOINERS or not 0 < place < len(text) - 1:
        return False
    before, after = text[place - 1], text[place + 1]
    if unicodedata.combining(before) == _VIRAMA:
        return True
    if unicodedata.bidirectional(before) == unicodedata.bidirectional(after) == "AL":
        return True
    is_emoji = before == _VARIATION or unicodedata.category(before) in {"So", "Sk"}
    return is_emoji and unicodedata.category(after) == "So"


Line = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(clean_line)]
"""A name, a reason, an id of another system. Give it a length: `Annotated[Line, Field(max_length=200)]`."""
Text = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(clean_text)]
"""A story, principles, a message."""
