"""What ends a command early."""


class CommandFailed(Exception):
    """The command cannot do what was asked; the message is the one line that people see."""

    exit_code = 1


class WrongUsage(CommandFailed):
    """The command was called in a way that cannot work."""

    exit_code = 2
