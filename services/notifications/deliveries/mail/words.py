"""The words of mail in every language (`templates/mail/<locale>.yaml`): greeting, actions, why somebody gets a mail."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import yaml

Words = Mapping[str, Any]


@cache
def words_of(locale: str) -> Words:
    file = resources.files("services.notifications") / "templates" / "mail" / f"{locale}.yaml"
    words: Words = yaml.safe_load(file.read_text(encoding="utf-8"))
    return words
