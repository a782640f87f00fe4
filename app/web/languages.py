"""The languages of the pages: which one a request gets, and the catalogues of sentences.

Templates contain the English sentences. Babel compiles the catalogues (`make messages`); gettext reads them here. The
rules' sentences, which are part of the API's contract, are translated by the same catalogues.
"""

from functools import cache
from gettext import NullTranslations, translation
from pathlib import Path

from bottle import request

from app.http.cookies import read_cookie

LANGUAGES = {"es": "Español", "en": "English"}
DEFAULT = "es"
COOKIE = "language"
CATALOGUES = Path(__file__).with_name("locale")
MAX_LISTED = 20
"""How many languages of an Accept-Language header are read."""


def read_language() -> str:
    """Return the language of this request: the visitor's choice, or the first that their browser lists, or Spanish."""
    chosen = read_cookie(COOKIE)
    return chosen if chosen in LANGUAGES else preferred_language(request.environ.get("HTTP_ACCEPT_LANGUAGE", ""))


def preferred_language(accepted: str) -> str:
    """Return the supported language with the highest weight in an Accept-Language header (RFC 9110, 12.5.4).

    Items that do not parse are skipped.
    """
    best, best_weight = DEFAULT, 0.0
    for item in accepted.split(",")[:MAX_LISTED]:
        name, _, weight_text = item.strip().partition(";")
        language, weight = name.strip().lower().partition("-")[0], _weight(weight_text)
        if language in LANGUAGES and weight > best_weight:
            best, best_weight = language, weight
    return best


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    try:
        return min(float(value), 1.0) if name.strip() == "q" else 0.0
    except ValueError:
        return 0.0


@cache
def catalogue(language: str) -> NullTranslations:
    """Return the sentences of a language."""
    return translation("pages", CATALOGUES, languages=[language])


def translate(language: str, sentence: str) -> str:
    """Return a sentence in a language; unchanged if the catalogue does not have it."""
    return catalogue(language).gettext(sentence)
