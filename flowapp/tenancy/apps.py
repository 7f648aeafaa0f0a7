"""Tenancy as a Django app."""

from django.apps import AppConfig


class TenancyConfig(AppConfig):
    """Workspaces, members, groups and API keys."""

    name = "flowapp.tenancy"
    label = "tenancy"
