"""Reading the mails that a test sent: to whom, what about, and where their links lead."""

import re

from django.core import mail
from django.core.mail import EmailMultiAlternatives


def to(address: str) -> list[EmailMultiAlternatives]:
    return [one for one in mail.outbox if one.to == [address]]  # type: ignore[misc]


def link(address: str) -> str:
    """The path of the link in the last mail to this address."""
    found = re.search(r"https?://[^/\s]+(/decide/\S+)", str(to(address)[-1].body))
    assert found, to(address)[-1].body
    return found[1]
