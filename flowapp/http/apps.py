"""The web rooms' common ground as a Django app: no tables, only connections to the rooms beneath."""

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class HttpConfig(AppConfig):
    """Makes exceptions known as problems, and passes on what the engine tells."""

    name = "flowapp.http"
    label = "http"

    def ready(self) -> None:
        from flowapp.engine.signals import changed

        from . import answers, broadcast

        if settings.DEBUG and settings.FLOWAPP_MODE == "production":
            raise ImproperlyConfigured("DEBUG is on: debugging pages are for `flowapp dev` only")
        answers.register()
        changed.connect(broadcast.on_changed, dispatch_uid="flowapp.http")
