"""Keeps the tests on this machine: a connection or a name look-up beyond loopback is refused."""

import ipaddress
import sys

_NAMES = {"", "localhost", "ip6-localhost"}


class BeyondLoopback(RuntimeError):
    """A test reached for another machine: run a small server on 127.0.0.1 instead."""


def guard() -> None:
    """Refuse from now on, for the life of this process: an audit hook cannot be taken out again."""
    sys.addaudithook(_refuse)


def is_local(host: object) -> bool:
    """Whether a host, as sockets take it (text, bytes or None), is this machine."""
    name = host.decode() if isinstance(host, bytes) else host
    if name is None or (isinstance(name, str) and name in _NAMES):
        return True
    try:
        address = ipaddress.ip_address(str(name))
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _refuse(event: str, args: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.sendto"):
        address = args[1]
        # Unix sockets have a path for an address, internet sockets a tuple.
        if isinstance(address, tuple) and address and not is_local(address[0]):
            raise BeyondLoopback(f"{event} to {address!r}: run a small server on 127.0.0.1 instead")
    elif event == "socket.getaddrinfo" and not is_local(args[0]):
        raise BeyondLoopback(f"look-up of {args[0]!r}: run a small server on 127.0.0.1 instead")
