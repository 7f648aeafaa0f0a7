"""The inbox in the browser."""

from approvals.views.pages import decide, inbox, prompt

__all__ = ["decide", "inbox", "prompt"]
