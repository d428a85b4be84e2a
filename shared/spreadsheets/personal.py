"""Names of columns with data that only the person may enter: whole words and known phrases, in English and German.

`gender` and `Geschlecht` are; `Research history topics` and `Orientation track` are not.
"""

import re
import unicodedata

from shared.spreadsheets.cleaning import comparison_key

_ENGLISH = (
    r"identit(?:y|ies)",
    r"characteristics?",
    r"biograph(?:y|ies|ical)",
    r"bio",
    r"stor(?:y|ies)",
    r"genders?(?:identit(?:y|ies))?",
    r"transgender",
    r"sex",
    r"sexual(?:ity)?",
    r"pronouns?",
    r"ethnic(?:ity|ities)?",
    r"race",
    r"racial",
    r"skin colou?r",
    r"religio(?:n|ns|us)",
    r"faith",
    r"disab(?:ility|ilities|led)",
    r"never[ -]?lists?",
    r"never (?:match|pair|want|with)\w*",
    r"weights",
    r"lgbt\w*",
)
_GERMAN = (
    r"identität\w*",
    r"persönliche merkmale",
    r"biogra(?:f|ph)ien?",
    r"(?:lebens|meine |ihre |deine )geschichte",
    r"geschlecht(?:er|s)?",
    r"geschlechts\w+",
    r"sexuelle \w+",
    r"sexualität",
    r"pronomen",
    r"ethnie",
    r"ethnische \w+",
    r"ethnizität",
    r"rasse",
    r"hautfarbe",
    r"religion(?:en|szugehörigkeit)?",
    r"religiös\w*",
    r"konfession",
    r"behinderung(?:en)?",
    r"schwerbehindert\w*",
    r"gewichte",
)
_ALONE = frozenset({"orientation", "orientierung", "never", "niemals"})
_PERSONAL = re.compile(rf"(?<!\w)(?:{'|'.join(_ENGLISH + _GERMAN)})(?!\w)")
_HARMLESS = re.compile(r"(?<!\w)(?:case|user|success|patient|news) stor(?:y|ies)(?!\w)")


_WORD_BORDER = re.compile(r"(?<=[a-zäöüß])(?=[A-ZÄÖÜ0-9])|_")


def is_personal(column: str) -> bool:
    """Also of names as programs write them: `genderIdentity`, `gender_identity`."""
    name = comparison_key(_WORD_BORDER.sub(" ", unicodedata.normalize("NFKC", column)))
    return name in _ALONE or _PERSONAL.search(_HARMLESS.sub("", name)) is not None
