"""Which carrier fits this installation: Redis when there is one, else each process polls PostgreSQL."""

from django.conf import settings
from django.db import connection

from .hints import Carrier
from .polling import PollingCarrier
from .redis_carrier import RedisCarrier


def carrier() -> Carrier | None:
    """The carrier between processes; SQLite means one process, which needs none."""
    if settings.FLOWAPP_REDIS_URL:
        return RedisCarrier(settings.FLOWAPP_REDIS_URL)
    return PollingCarrier() if connection.vendor == "postgresql" else None
