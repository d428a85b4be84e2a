"""Words of the vocabularies as people type and choose them. Pure."""

import re
import unicodedata

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "tr", "ru", "uk", "ar", "zh", "hi")
"""Offered in forms; others are kept where they are stored."""


def term(text: str) -> str:
    """A topic as people write it, in the form of the vocabulary: `Arbeit & Familie` becomes `arbeit-familie`."""
    folded = text.strip().lower().replace("ß", "ss").replace("ä", "ae").replace("ö", "oe").replace("ü", "ue")
    plain = unicodedata.normalize("NFKD", folded).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
