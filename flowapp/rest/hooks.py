"""/hooks/{slug}: where other services tell us things. Their signature is what lets them in."""

import logging
from dataclasses import replace
from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from flowapp.engine import clock
from flowapp.http import rates
from flowapp.http.access import PUBLIC, access
from flowapp.http.problems import Problem, invalid
from flowapp.integrations.webhooks import loops, receiving
from flowapp.integrations.webhooks.bodies import Unusable
from flowapp.integrations.webhooks.errors import GoesRound, NotFound, Refused
from flowapp.tenancy.secrets import Unreadable

logger = logging.getLogger("flowapp.rest")
AUDITED_A_MINUTE: Final = 10  # refusals of one webhook: who floods us does not fill the audit log


@access(PUBLIC)
@csrf_exempt
@require_POST
def hook(request: HttpRequest, slug: str) -> HttpResponse:
    """Take a delivery: 202 once its event is committed, and again, without a second effect, for a repeat."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        received = receiving.receive(slug, headers, request.body)
    except NotFound:
        raise Problem("not-found", "There is no webhook at this address, or it is disabled.") from None
    except GoesRound as refused:
        _note(refused, slug)
        raise replace(invalid([{"loc": [], "msg": str(refused)}]), headers={loops.REFUSED: "yes"}) from None
    except Refused as refused:
        _note(refused, slug)
        title = "The signature is missing or wrong"
        raise Problem("unauthenticated", f"Not accepted: {refused}.", title=title) from None
    except Unreadable as unreadable:
        logger.exception("the secret of the webhook %s cannot be read: rotate it", slug)
        raise Problem("about:blank", "The webhook cannot be checked just now.", 503) from unreadable
    except Unusable as unusable:
        raise invalid([{"loc": [], "msg": str(unusable)}]) from None
    answer = {"id": str(received.delivery.pk), "duplicate": received.duplicate}
    return JsonResponse(answer, status=202)


def _note(refused: Refused, slug: str) -> None:
    logger.warning("a delivery to the webhook %s was refused: %s", slug, refused)
    minute = int(clock.now().timestamp()) // 60
    if rates.count(f"refused:{refused.webhook_id}:{minute}") <= AUDITED_A_MINUTE:
        receiving.refuse(refused)
