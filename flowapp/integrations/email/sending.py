"""Sending one mail, in two parts, through Django's mailer."""

from __future__ import annotations

import smtplib
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from flowapp.integrations.outbox import GiveUp, let_go

_LONGEST_SUBJECT: Final = 150  # characters
_NEVER: Final = frozenset({501, 550, 551, 553})  # what a server answers about an address that is none


@dataclass(frozen=True, slots=True)
class Mail:
    """What is sent. Mails of one `thread` hang together in the reader's program."""

    to: str
    subject: str
    text: str
    html: str
    thread: str = ""


def in_use() -> bool:
    """Whether this installation sends mails about prompts."""
    return bool(settings.FLOWAPP_SENDS_MAIL)


def send(mail: Mail, *, id: UUID) -> None:
    """Send it. With the same id it has the same Message-ID, so that readers see one mail if two arrive.

    Raises GiveUp for an address that does not exist.
    """
    host = urlsplit(settings.FLOWAPP_BASE_URL).hostname or "localhost"
    headers = {"Message-ID": f"<{id}@{host}>", "Auto-Submitted": "auto-generated"}
    if mail.thread:
        headers["References"] = f"<{mail.thread}@{host}>"
    message = EmailMultiAlternatives(_one_line(mail.subject), mail.text, to=[mail.to], headers=headers)
    message.attach_alternative(mail.html, "text/html")
    let_go()
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as refused:
        code, reason = next(iter(refused.recipients.values()))
        if code in _NEVER:
            raise GiveUp(f"{mail.to}: {code} {reason!r}") from None
        raise


def _one_line(subject: str) -> str:
    """A subject holds no line breaks: what stands behind one would be a header."""
    line = " ".join(subject.split())
    return line if len(line) <= _LONGEST_SUBJECT else f"{line[: _LONGEST_SUBJECT - 1]}…"
