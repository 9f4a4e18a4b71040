"""How a secret is shown: by its kind and its length, never by its text."""

from __future__ import annotations

import re

_QUOTES = re.compile(r"""^[A-Za-z]{0,2}('{3}|"{3}|'|")(.*)\1$""", re.DOTALL)
_PUBLIC_PREFIXES = ("AIza", "ya29.", "GOCSPX-", "ghp_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "AKIA", "sk-")
"""What such a token starts with by its own format: it tells the kind and nothing of the secret."""
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_URI = re.compile(r"^([a-z][a-z0-9+.-]*://)", re.IGNORECASE)


def mask(literal: str) -> str:
    """What may be shown of a literal, quotes and all.

    >>> mask('"AIzaSyA1234567890"')
    'AIza*** (17 characters)'
    >>> mask("'hunter2'")
    '*** (7 characters)'
    """
    match = _QUOTES.match(literal)
    text = match[2] if match else literal
    shown = next((prefix for prefix in _PUBLIC_PREFIXES if text.startswith(prefix)), "")
    if pem := _PEM.search(text):
        shown = f"{pem[0]} "
    elif uri := _URI.match(text):
        shown = uri[1]
    return f"{shown}*** ({len(text)} characters)"
