"""The one typed Context: what `ctx` is in a workflow's body. Composes the rooms' verbs; no dynamic attributes."""

from approvals.steps import PromptVerbs


class Context(PromptVerbs):
    """The verbs of a workflow's body: the engine's and, on top of them, each room's."""
