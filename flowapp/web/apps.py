"""The web room as a Django app, so that its template tags are found."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Pages about runs and workflows; no tables."""

    name = "flowapp.web"
    label = "web"
