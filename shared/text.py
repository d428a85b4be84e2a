"""Normalizes text input to NFC and refuses invisible characters.

Control characters, line ends in a line, zero-width and bidirectional characters are refused by name and position, so
that names that look equal are equal. They are not removed: a text is never changed silently. Joiners (U+200C, U+200D)
are accepted where a script needs them, as in RFC 5892 (appendix A): between Arabic letters, after a virama, within an
emoji; variation selectors after a character that has variants.
"""

import unicodedata
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2065\u2800\u3164\uffa0\U00016fe4\U0001d159")
"""Invisible letters, marks and symbols."""
_MONGOLIAN_VARIATIONS = frozenset("\u180b\u180c\u180d\u180f")
_SYMBOL_VARIATIONS = frozenset(map(chr, range(0xFE00, 0xFE10)))
_HAN_VARIATIONS = frozenset(map(chr, range(0xE0100, 0xE01F0)))
_VARIATIONS = _MONGOLIAN_VARIATIONS | _SYMBOL_VARIATIONS | _HAN_VARIATIONS
"""Variation selectors change the look of the character before them; after a character without variants they are
invisible.
"""
_RESERVED_INVISIBLE = (range(0xFFF0, 0xFFF9), range(0xE0000, 0xE1000))
"""Ranges that Unicode reserves for invisible characters (Default_Ignorable_Code_Point)."""
_JOINERS = "\u200c\u200d"
_VARIATION = "\ufe0f"
_VIRAMA = 9
_CONTROLS = {"\0": "NUL", "\t": "TAB", "\n": "LINE FEED", "\r": "CARRIAGE RETURN", "\x1b": "ESCAPE"}


def clean_line(text: str) -> str:
    """Cleans a single line. Raises `PydanticCustomError`."""
    return _clean(text, allowed="")


def clean_text(text: str) -> str:
    """Cleans several lines: allows line feeds and tabs, and replaces CR LF by LF. Raises `PydanticCustomError`."""
    return _clean(text.replace("\r\n", "\n"), allowed="\n\t")


def _clean(text: str, *, allowed: str) -> str:
    normal = unicodedata.normalize("NFC", text)
    if normal.isascii() and normal.isprintable():
        return normal
    for at, character in enumerate(normal):
        if (
            character not in allowed
            and _is_invisible(character)
            and not (is_joiner_needed(normal, at) or _varies(normal, at))
        ):
            name = _CONTROLS.get(character) or unicodedata.name(character, "a control character")
            values = {"name": f"{name} (U+{ord(character):04X})", "position": at + 1}
            raise PydanticCustomError("unseen_character", "must not contain {name}, at character {position}", values)
    return normal


@lru_cache(maxsize=4096)
def _is_invisible(character: str) -> bool:
    is_reserved = any(ord(character) in range_ for range_ in _RESERVED_INVISIBLE)
    is_blank = character in _BLANK or character in _VARIATIONS
    return unicodedata.category(character) in _INVISIBLE or is_blank or is_reserved


def _varies(text: str, at: int) -> bool:
    """Whether a variation selector follows a character with variants: a Mongolian letter, a Han ideograph, a symbol."""
    if text[at] not in _VARIATIONS or at == 0:
        return False
    before = text[at - 1]
    if text[at] in _MONGOLIAN_VARIATIONS:
        return unicodedata.name(before, "").startswith("MONGOLIAN LETTER")
    is_han = unicodedata.name(before, "").startswith("CJK ")
    if text[at] in _HAN_VARIATIONS:
        return is_han
    is_keycap = before in "0123456789#*" and text[at + 1 : at + 2] == "\u20e3"
    is_symbol = unicodedata.category(before)[0] in "SP" and not before.isascii() and before not in _BLANK
    return is_symbol or is_han or is_keycap


def is_joiner_needed(text: str, at: int) -> bool:
    """Whether the character is a joiner (U+200C, U+200D) at a position where its script needs it."""
    if text[at] not in _JOINERS or not 0 < at < len(text) - 1:
        return False
    before, after = text[at - 1], text[at + 1]
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
