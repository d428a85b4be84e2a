"""Every language of the web application says everything, and its sentences keep their placeholders and their HTML."""

import re
from pathlib import Path

import pytest

from deploy import web_texts
from services.web.languages import Languages, accepted, load

CATALOGUES = sorted(web_texts.FOLDER.glob("*.po"))
_PIECES = re.compile(r"%\(\w+\)s|\{\w+\}|</?\w+>")


def _translations(path: Path) -> dict[str | tuple[str, ...], tuple[str, ...]]:
    found = web_texts.texts(web_texts.read(path))
    return {
        source: tuple(message.string) if isinstance(message.string, list | tuple) else (message.string,)
        for source, message in found.items()
    }


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_a_language_has_every_text_and_no_other(path: Path) -> None:
    translated = {source for source, texts in _translations(path).items() if all(texts)}
    assert translated == set(web_texts.texts(web_texts.used())), "run python -m deploy.web_texts, then translate"


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_a_translation_has_the_placeholders_and_tags_of_its_source(path: Path) -> None:
    for source, texts in _translations(path).items():
        wanted = [source] if isinstance(source, str) else source
        for text, original in zip(texts, wanted, strict=True):
            assert sorted(_PIECES.findall(text)) == sorted(_PIECES.findall(original)), original


def test_a_missing_text_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "fr.po"
    path.write_text('msgid ""\nmsgstr ""\n"Language: fr\\n"\n\nmsgid "Inbox"\nmsgstr ""\n', encoding="utf-8")
    with pytest.raises(AssertionError):
        test_a_language_has_every_text_and_no_other(path)


def test_a_language_is_added_by_one_file(tmp_path: Path) -> None:
    text = 'msgid ""\nmsgstr ""\n"Language: fr\\n"\n\nmsgid "Inbox"\nmsgstr "Messages"\n'
    (tmp_path / "fr.po").write_text(text, encoding="utf-8")
    languages = Languages(tmp_path)
    assert languages.names == {"en": "English", "fr": "Français"}
    assert languages.choose("fr-CA").text("Inbox") == "Messages"


def test_german_is_among_the_languages() -> None:
    assert "de" in {path.stem for path in CATALOGUES}
    assert load(web_texts.FOLDER / "de.po").ugettext("Inbox") == "Postfach"


@pytest.mark.parametrize(
    ("wanted", "tag"),
    [
        ((None, "de-AT"), "de"),
        (("xx", "de"), "de"),
        (("en", "de"), "en"),
        ((None, None), "en"),
        (("../../etc",), "en"),
    ],
)
def test_the_first_known_language_is_chosen(wanted: tuple[str | None, ...], tag: str) -> None:
    assert Languages().choose(*wanted).tag == tag


def test_a_locale_or_zone_that_does_not_exist_does_not_break_a_page() -> None:
    language = Languages().choose("de", region="de-XX", time_zone="Mars/Olympus")
    assert (language.tag, str(language.zone)) == ("de", "UTC")


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", ["de-AT", "de", "en"]),
        ("en;q=0.1, de", ["de", "en"]),
        ("de;q=many", []),
        ("", [""]),
    ],
)
def test_accept_language_is_read_by_quality(header: str, tags: list[str]) -> None:
    assert list(accepted(header)) == tags
