"""Brings the web application's catalogues up to date with its pages: `python -m deploy.web_texts`.

A new text is added without a translation, one that no page shows is removed. A new language: copy `de.po`, empty its
translations, translate.
"""

from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

WEB = Path(__file__).parent.parent / "services" / "web"
FOLDER = WEB / "locales"
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None}
_OPTIONS = {"trim_blocks": "true", "lstrip_blocks": "true", "extensions": "jinja2.ext.i18n", "newstyle_gettext": "true"}


def used() -> Catalog:
    """Every text of the pages."""
    found = Catalog(project="Preceptor", version="1", charset="utf-8")
    for path in sorted(WEB.rglob("*")):
        for text in _texts(path):
            found.add(text)
    return found


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.stem)


def texts(catalogue: Catalog) -> dict[str | tuple[str, ...], Message]:
    """By source text; without the catalogue's header."""
    return {
        tuple(message.id) if isinstance(message.id, list | tuple) else message.id: message
        for message in catalogue
        if message.id
    }


def _texts(path: Path) -> Iterator[str | tuple[str, ...]]:
    method = {".py": "python", ".html": "jinja2.ext:babel_extract"}.get(path.suffix)
    if method:
        options = _OPTIONS if path.suffix == ".html" else {}
        for _, text, _, _ in extract_from_file(method, path, keywords=_KEYWORDS, options=options):
            yield text


def main() -> None:
    template = used()
    for path in sorted(FOLDER.glob("*.po")):
        catalogue = read(path)
        catalogue.update(template, no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        with path.open("wb") as file:
            write_po(file, catalogue, width=120, no_location=True, sort_output=True, ignore_obsolete=True)


if __name__ == "__main__":
    main()
