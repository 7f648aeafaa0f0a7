"""What Slack calls when somebody presses a button: Bolt checks the signature, and its listeners decide."""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from slack_bolt.adapter.django.handler import to_bolt_request, to_django_response

from flowapp.http.access import PUBLIC, access
from flowapp.integrations import slack

logger = logging.getLogger("flowapp.integrations")


@csrf_exempt
@access(PUBLIC)
@require_POST
def events(request: HttpRequest) -> HttpResponse:
    """Hear a call of Slack's. The team it names says which signing secret has to have signed it."""
    connected = slack.connections.of_team(slack.bolt.named_team(request.body))
    if connected is None:
        logger.warning("a call of Slack's was refused: its team is connected to no workspace here")
        return HttpResponse("This team is not connected.", status=401, content_type="text/plain")
    return to_django_response(slack.bolt.app_of(connected).dispatch(to_bolt_request(request)))


urlpatterns = [path("events", events, name="slack-events")]
