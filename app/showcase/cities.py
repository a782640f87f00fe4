"""Cities as people type them."""

import unicodedata

KEY_CHARS = 100
"""As many as the column holds; folding can make a text longer than it was ("ß" becomes "ss")."""


def city_key(city: str) -> str:
    """Fold accents, case and spacing, so that "Bogotá", "BOGOTA" and " bogota " are one city."""
    decomposed = unicodedata.normalize("NFKD", city)
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return " ".join(plain.casefold().split())[:KEY_CHARS]
