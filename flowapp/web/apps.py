"""The web room as a Django app, so that its template tags are found."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Pages about runs and workflows; no tables."""

    name = "flowapp.web"
    label = "web"

    def ready(self) -> None:
        from flowapp.web import operations  # noqa: F401 - registers what it reads of the outbox
