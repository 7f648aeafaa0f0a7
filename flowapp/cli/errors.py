"""What ends a command early."""


class CommandFailed(Exception):
    """The command cannot do what was asked; the message is the one line that people see."""

    exit_code = 1


class NoAnswer(CommandFailed):
    """The server does not answer; it may be back in a moment."""


class WrongUsage(CommandFailed):
    """The command was called in a way that cannot work."""

    exit_code = 2
