"""A secret on the page that one is sent to after making it: shown there once, and a reload sends no form again.

The session keeps only whose secret is to be shown; the secret itself stays where it is sealed.
"""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest

from flowapp.engine import clock
from flowapp.integrations.webhook_tables import Signed

_KEY: Final = "secret_to_show"


def remember(request: HttpRequest, row: Signed) -> None:
    """Have the next page of this webhook or endpoint show its secret."""
    request.session[_KEY] = str(row.pk)


def take(request: HttpRequest, row: Signed) -> str:
    """The secret, if this page is to show it; empty from the second time on."""
    if request.session.get(_KEY) != str(row.pk):
        return ""
    del request.session[_KEY]
    return row.secrets(clock.now())[0]
