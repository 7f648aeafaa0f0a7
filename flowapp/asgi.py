"""The ASGI application: Django behind the body limit. Sockets will branch off here by scope["type"]."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flowapp.settings")
_django = get_asgi_application()

from django.conf import settings  # noqa: E402 - readable only once the variable above is set

from flowapp.http.limits import BodyLimit  # noqa: E402

if settings.FLOWAPP_BROKER_URL:
    from flowapp.dispatch import celery

    celery.connect()

application = BodyLimit(_django, most=settings.FLOWAPP_MAX_BODY_BYTES)
