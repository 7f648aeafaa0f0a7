"""An endpoint of acme's at a receiver on this machine, which the settings allow."""

import pytest

from flowapp.integrations.webhooks import endpoints
from flowapp.tenancy.actors import SYSTEM

from .receiver import receiving


@pytest.fixture
def receiver(settings):
    settings.FLOWAPP_WEBHOOK_ALLOW = ["127.0.0.0/8"]
    with receiving() as server:
        yield server


@pytest.fixture
def endpoint(acme, receiver):
    """It wants runs and orders; its secret is `endpoint.plain`."""
    made, secret = endpoints.create(name="Shop", url=receiver.url, events=["run.*", "order/*"], by=SYSTEM)
    made.plain = secret  # type: ignore[attr-defined] # for the test alone
    return made
