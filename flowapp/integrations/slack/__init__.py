"""Slack: the app a workspace installs, the messages it posts and keeps up to date, and who is who there."""

from . import bolt, connections, leaving, linking, messages, people
from .bolt import Interaction
from .client import client, delivering
from .connections import is_connected
from .manifest import manifest
from .messages import Shown

__all__ = [
    "Interaction",
    "Shown",
    "bolt",
    "client",
    "connections",
    "delivering",
    "is_connected",
    "leaving",
    "linking",
    "manifest",
    "messages",
    "people",
]
