"""The request as our views see it: with who is asking and in which workspace."""

from django.http import HttpRequest

from flowapp.tenancy.actors import Actor
from flowapp.tenancy.models import ApiKey, Member, Workspace


class Request(HttpRequest):
    """For annotations: CredentialsMiddleware has set these on every request."""

    actor: Actor | None
    member: Member | None
    workspace: Workspace | None
    api_key: ApiKey | None
    request_id: str
