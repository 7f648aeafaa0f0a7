"""The second factor that some decisions need: how to give one, and what was typed, kept until it is given."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, QueryDict
from django.urls import reverse

from flowapp.http import second_factor

RETURNED: Final = "confirmed"  # in the address one comes back to
_KEPT: Final = "prompt-typed"
_LONGEST: Final = 100_000  # characters of a form that are worth keeping in a session


def asked(request: HttpRequest, prompt_id: UUID) -> dict[str, Any]:
    """What the page adds to the refusal: where to confirm, or to set up a factor, and that nothing typed is lost."""
    typed = request.POST.urlencode()
    if len(typed) <= _LONGEST:
        request.session[_KEPT] = {"prompt": str(prompt_id), "typed": typed}
    back = f"{reverse('prompt', args=[prompt_id])}?{RETURNED}=1"
    if second_factor.is_set_up(request):
        url = f"{reverse('mfa_reauthenticate')}?{urlencode({'next': back})}"
        return {"step_up": {"url": url, "label": "Confirm with your second factor", "text": "Then send it again."}}
    return {
        "step_up": {
            "url": reverse("mfa_index"),
            "label": "Set up a second factor",
            "text": "You have none yet. Add an authenticator app or a passkey to your account, then decide here.",
        }
    }


def typed(request: HttpRequest, prompt_id: UUID) -> QueryDict | None:
    """What was typed before the second factor was asked for, once, for whoever comes back with it."""
    kept = request.session.get(_KEPT) if RETURNED in request.GET else None
    if kept is None or kept["prompt"] != str(prompt_id):
        return None
    del request.session[_KEPT]
    return QueryDict(kept["typed"])
