"""A browser without scripts: a client in which somebody has signed in, and the text of what it gets."""

import re
from typing import Any

from django.test import Client

from flowapp.tenancy.models import Member


def signed_in(member: Member) -> Client:
    """A browser in which this member has signed in."""
    client = Client()
    client.force_login(member.user)
    return client


def text(response: Any) -> str:
    """A page as one line."""
    return re.sub(r"\s+", " ", response.content.decode())
