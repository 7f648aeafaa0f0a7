"""The addresses that belong to no room in particular."""

from django.urls import path

from .health import healthz, readyz
from .live import live

urlpatterns = [
    path("live", live, name="live"),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
]
