"""The manifest of the Slack app: what an admin pastes into Slack to make an app that fits this installation. Pure."""

from __future__ import annotations

from typing import Any, Final

SCOPES: Final = ("chat:write", "im:write", "users:read", "users:read.email")


def manifest(base_url: str, *, socket_mode: bool = False) -> dict[str, Any]:
    """The app that posts prompts and hears its buttons, at this address or over Socket Mode."""
    interactivity: dict[str, Any] = {"is_enabled": True}
    if not socket_mode:
        interactivity["request_url"] = f"{base_url}/slack/events"
    return {
        "display_information": {
            "name": "Flowapp",
            "description": "Questions that workflows put to you, answered where you are.",
            "background_color": "#1d2a44",
        },
        "features": {
            "app_home": {"messages_tab_enabled": True, "messages_tab_read_only_enabled": True},
            "bot_user": {"display_name": "Flowapp", "always_online": True},
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "interactivity": interactivity,
            "org_deploy_enabled": False,
            "socket_mode_enabled": socket_mode,
            "token_rotation_enabled": False,
        },
    }
