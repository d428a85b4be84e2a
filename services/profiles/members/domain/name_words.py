"""Words of a name as a search compares them: without case and accents, so that `muller` finds Müller.

A search word matches the beginning of a name's word. Both sides go through `words`.
"""

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th"})
_KEPT_WORDS = 20
_KEPT_LENGTH = 40


def words(name: str) -> tuple[str, ...]:
    """Without duplicates. The cost is linear in the name's length, which its field bounds."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(character for character in decomposed if not unicodedata.combining(character))
    found = _WORD.findall(letters.casefold().translate(_PLAIN))
    return tuple(dict.fromkeys(word[:_KEPT_LENGTH] for word in found))[:_KEPT_WORDS]
