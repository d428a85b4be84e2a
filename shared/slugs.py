"""The slug of a name: lower case, Latin letters and digits, joined by hyphens. Names with equal slugs are one name."""

import re
import unicodedata
from functools import lru_cache
from hashlib import blake2b

_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_SPELLED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae", "œ": "oe", "þ": "th"})
_LONGEST = 64
_DIGEST_BYTES = 3


@lru_cache(maxsize=4096)
def slug(text: str) -> str:
    """`Internal Medicine` is `internal-medicine`, `Ödeme` is `oedeme`. Empty where a text has no letter and no digit.

    A digest keeps names apart of which the Latin letters say too little (東京, 東經).
    """
    key = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    letters = unicodedata.normalize("NFKD", key.translate(_SPELLED))
    base = _NOT_SLUG.sub("-", "".join(each for each in letters if not unicodedata.combining(each))).strip("-")
    if not any(character.isalnum() for character in key):
        return ""
    if base and len(base) <= _LONGEST and all(map(_is_latin, key)):
        return base
    digest = blake2b(key.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    kept = base[: _LONGEST - len(digest) - 1].rstrip("-")
    return f"{kept}-{digest}" if kept else digest


def _is_latin(character: str) -> bool:
    return character.isascii() or not character.isalpha() or unicodedata.name(character, "").startswith("LATIN ")
