"""Renders templates: everything is escaped, a value that is missing is an error, texts are in the reader's language."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from services.web.languages import Language, Languages

STATIC = Path(__file__).parent.parent / "static"


def environment(texts: Any) -> Environment:
    made = Environment(
        loader=PackageLoader("services.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(texts, newstyle=True)  # type: ignore[attr-defined]
    return made


class Templates:
    def __init__(self, languages: Languages) -> None:
        self.languages = languages
        self._environments = {tag: environment(languages.texts_in(tag)) for tag in languages.tags}
        self._static = {path.name: _fingerprinted(path) for path in STATIC.iterdir()}

    def render(self, name: str, language: Language, values: Mapping[str, Any]) -> str:
        template = self._environments[language.tag].get_template(name)
        return template.render(static=self._static, language=language, languages=self.languages.names, **values)


def _fingerprinted(path: Path) -> str:
    """The address of a file changes with its content, so that browsers may keep it for ever."""
    return f"/static/{path.name}?{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
