"""Shows the Celery app to `celery -A flowapp`."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flowapp.settings")
django.setup()

from flowapp.dispatch.celery import app, connect  # noqa: E402 - Django first

connect()
celery = app
__all__ = ["app", "celery"]
