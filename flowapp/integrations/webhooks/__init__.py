"""Webhooks: signed requests that come in become events; events and facts go out as signed requests."""
