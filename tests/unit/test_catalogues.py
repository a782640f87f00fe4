"""Every sentence of the pages and of the rules is in both languages, and the compiled catalogues are current."""

import re
from gettext import GNUTranslations
from io import BytesIO

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from app.media.errors import Reason
from app.showcase import errors
from app.showcase.failures import FAILURES, NOTICES, refusal
from app.web import accounts, failures, forms, same_site
from app.web.languages import CATALOGUES, LANGUAGES, catalogue

SPANISH = re.compile(r"[áéíóúñ¿]|\b(el|la|los|las|de|un|una|por)\b", re.IGNORECASE)
OPERATORS_ONLY = {"JobNotFound", "VerificationCityTooOrdinary"}


def sentences_of_pages() -> set[str]:
    """Return the sentences that the pages' templates and code contain, in English."""
    templates = extract_from_dir(
        CATALOGUES.parent / "templates",
        method_map=[("**.html", "jinja2")],
        keywords={"_": None, "gettext": None, "ngettext": (1, 2)},
    )
    in_code = {forms.EMPTY, forms.TOO_LONG, forms.FormTooLarge.message, forms.FormBroken.message}
    in_code |= {accounts.ENDED, accounts.COOKIES_BLOCKED, same_site.ForeignOrigin.message}
    in_code |= {*failures.TITLES.values(), *failures.SENTENCES.values()}
    return in_code | {message if isinstance(message, str) else message[0] for _, _, message, *_ in templates}


def sentences_of_rules() -> set[str]:
    """Return the sentences of the rules, most of them in Spanish, as the API's contract states them."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and kind.__name__ not in OPERATORS_ONLY]
    rules = {str(kind.message) for kind in kinds if issubclass(kind, errors.ShowcaseError) and kind.message}
    return rules | {*FAILURES.values(), *NOTICES.values()} | {refusal(reason) for reason in Reason}


def known(language: str) -> set[str]:
    entries = catalogue(language)._catalog  # type: ignore[attr-defined]
    return {entry if isinstance(entry, str) else entry[0] for entry, text in entries.items() if text}


def test_spanish_has_every_sentence_of_the_pages() -> None:
    assert sentences_of_pages() - known("es") == set()


def test_rules_in_another_language_are_translated() -> None:
    assert {text for text in sentences_of_rules() if SPANISH.search(text)} - known("en") == set()
    assert {text for text in sentences_of_rules() if not SPANISH.search(text)} - known("es") == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_has_no_sentence_that_is_no_longer_used(language: str) -> None:
    by_api = {text for text in known(language) if text.startswith(("Password must", "String should", "value is"))}
    by_api |= {"", "Send exactly one title and one video_file."}
    assert known(language) - sentences_of_pages() - sentences_of_rules() - by_api == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalogue_is_that_of_its_source(language: str) -> None:
    compiled = BytesIO()
    with (CATALOGUES / language / "LC_MESSAGES" / "pages.po").open("rb") as source:
        write_mo(compiled, read_po(source, locale=language))
    compiled.seek(0)
    of_source = GNUTranslations(compiled)._catalog  # type: ignore[attr-defined]
    assert catalogue(language)._catalog == of_source, "run `make messages`"  # type: ignore[attr-defined]
