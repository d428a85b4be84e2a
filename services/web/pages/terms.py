"""Languages as forms offer them."""

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "tr", "ru", "uk", "ar", "zh", "hi")
"""Offered in forms; others are kept where they are stored."""
