"""Cleans the cells of people's spreadsheets, and compares texts that people wrote differently.

Cells are NFC, without zero-width characters and direction marks, their spaces plain. Direction overrides and control
characters stay, and the type of the field refuses them by name (`shared.text`). Texts are compared by NFKC and case
folding.
"""

import re
import unicodedata
from functools import lru_cache
from hashlib import blake2b

from anyascii import anyascii

from shared.text import is_joiner_needed

_REMOVED = "\u200b\u2060\ufeff\u00ad\u200e\u200f\u061c"
"""Zero-width space, word joiner, byte-order mark, soft hyphen and the marks of direction."""
_JOINERS = "\u200c\u200d"
_INVISIBLE = re.compile(f"[{_REMOVED}{_JOINERS}]")
_SPACES = re.compile(r"[^\S\n\t\r]")
_WHOLE = re.compile(r"([+-]?[0-9]+)[.,]0+")
_DISPLAY_NAME = re.compile(r"[^<>]*<([^<>]+)>")
_HONORIFICS = re.compile(
    r"(?:\b(?:dr|prof|professor|doctor|pd|priv-doz|dipl-med|med|univ|mr|mrs|ms|mx|herr|frau|md|phd|msc|bsc|"
    r"mbbs|facp|frcp)\b\.?)+"
)
_SEPARATORS = re.compile(r"[\s.,]+")
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_ATTACHED = re.compile(r"(?<=\w)[+#]+")
_SPELLED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae", "œ": "oe", "þ": "th"})
_SYMBOLS = {"+": "-plus", "#": "-sharp"}
_LONGEST_SLUG = 64
_DIGEST_BYTES = 3
_LONGEST_REMEMBERED = 200
"""A cell has up to 20,000 characters, and the key of one up to 18 times as many: thousands of them are not kept."""


def clean_cell(text: str) -> str:
    if text.isascii():
        return text.strip()
    normal = unicodedata.normalize("NFC", text)
    if _INVISIBLE.search(normal):
        normal = "".join(
            character
            for at, character in enumerate(normal)
            if character not in _REMOVED and (character not in _JOINERS or is_joiner_needed(normal, at))
        )
    return _SPACES.sub(" ", normal).strip()


def clean_title(text: str) -> str:
    """A column's name: as a cell, in one line."""
    return " ".join(clean_cell(text).split())


def comparison_key(text: str) -> str:
    """Equal for texts that people read as the same word."""
    return _known_key(text) if len(text) <= _LONGEST_REMEMBERED else _key(text)


def _key(text: str) -> str:
    folded = unicodedata.normalize("NFKC", clean_title(text)).casefold()
    return unicodedata.normalize("NFKC", folded)


_known_key = lru_cache(maxsize=4096)(_key)


def name_key(text: str) -> str:
    """A person's name without titles: `Dr. Ada Lovelace, MD` equals `ada lovelace`."""
    key = comparison_key(text)
    return _SEPARATORS.sub(" ", _HONORIFICS.sub(" ", key)).strip() or key


def clean_address(text: str) -> str:
    """`Kim <kim@example.org>`, `mailto:kim@example.org` and `kim@example.org;` are the address."""
    address = text.strip()
    if named := _DISPLAY_NAME.fullmatch(address.rstrip(";, ")):
        address = named[1].strip()
    if address[:7].lower() == "mailto:":
        address = address[7:].partition("?")[0]
    return address.strip(" ;,'\"").rstrip(".")


def clean_number(text: str) -> str:
    """`12.0`, as spreadsheets export whole numbers, is `12`."""
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def slug(text: str) -> str:
    """`Internal Medicine` is `internal-medicine`, `Ödeme` is `oedeme`. Empty where a text has no letter and no digit.

    Letters that are not Latin are transliterated, which several words may share (東京, 東經): a digest keeps
    words apart, so that each has the same slug in every file.
    """
    return _known_slug(text) if len(text) <= _LONGEST_REMEMBERED else _slug(text)


def _slug(text: str) -> str:
    key = comparison_key(text)
    spelled = _ATTACHED.sub(lambda run: "".join(_SYMBOLS[symbol] for symbol in run[0]) + "-", key).translate(_SPELLED)
    base = _NOT_SLUG.sub("-", anyascii(spelled).lower()).strip("-")
    if not any(character.isalnum() for character in key):
        return ""
    if len(base) <= _LONGEST_SLUG and base and all(_is_latin(character) for character in spelled):
        return base
    digest = blake2b(key.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    kept = base[: _LONGEST_SLUG - len(digest) - 1].rstrip("-")
    return f"{kept}-{digest}" if kept else digest


_known_slug = lru_cache(maxsize=4096)(_slug)


def _is_latin(character: str) -> bool:
    return character.isascii() or not character.isalnum() or unicodedata.name(character, "").startswith("LATIN ")
