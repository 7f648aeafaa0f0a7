"""E-mail: mails with a plain text part and a page of HTML, through whatever FLOWAPP_EMAIL_URL names."""

from .sending import Mail, in_use, send

__all__ = ["Mail", "in_use", "send"]
