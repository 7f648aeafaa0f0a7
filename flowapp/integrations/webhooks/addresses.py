"""Where webhooks may go: to https addresses that are anybody's, and to the networks an operator allows.

A host is resolved once, every address it has is judged, and the connection goes to one of exactly these: no second
look-up can lead elsewhere. Redirects are nobody's business here, as they are not followed.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST_URL = 2000
# Carry IPv4 addresses, private ones too: of NAT64, and those that were once called compatible.
_DISGUISES = [ipaddress.IPv6Network(text) for text in ("64:ff9b::/96", "::/96")]
_AS_WRITTEN = "%!#$&'()*+,/:;=?@[]~"  # of a path and its query; what else is no ASCII letter or digit is escaped
_NUMBER = re.compile(r"(0x[0-9a-f]*|\d+)")
_HOST = re.compile(r"[a-z0-9_.:-]+")


class BadTarget(ValueError):
    """An address that nothing may be sent to; the message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart. `host` is as it stands in the Host header and the certificate."""

    secure: bool
    host: str
    port: int
    path: str


def parse(url: str, allowed: Sequence[str]) -> Target:
    """The parts of a URL that may be sent to, as far as that shows before its host is resolved. Raises BadTarget."""
    if len(url) > LONGEST_URL or not url.isprintable() or " " in url or "\\" in url:
        raise BadTarget(f"a URL of at most {LONGEST_URL} characters, without spaces")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").encode("idna").decode().lower(), parts.port
    except (ValueError, UnicodeError):
        raise BadTarget("not a URL: such as https://example.com/hooks") from None
    if parts.scheme not in ("https", "http") or not _HOST.fullmatch(host) or port == 0:
        raise BadTarget("not a URL: such as https://example.com/hooks")
    if parts.scheme == "http" and not allowed:
        raise BadTarget("must begin with https:// (http:// only inside the networks of FLOWAPP_WEBHOOK_ALLOW)")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise BadTarget("no user, password or #fragment: the signature says who sends")
    _refuse_odd_numbers(host, allowed)
    secure = parts.scheme == "https"
    path = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_AS_WRITTEN)
    return Target(secure, host, port or (443 if secure else 80), path)


def refuse_own(target: Target, base_url: str) -> None:
    """Raise BadTarget for an inbound webhook of this installation. One under another name is noticed as it comes in."""
    own = urlsplit(base_url)
    port = own.port or (443 if own.scheme == "https" else 80)
    if (target.host, target.port) == (own.hostname, port) and target.path.startswith("/hooks/"):
        raise BadTarget("a webhook of Flowapp itself: what it is told would be an event again, without end")


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as texts. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def checked(target: Target, allowed: Sequence[str]) -> list[str]:
    """The addresses of a target, resolved now, if all of them may be sent to. Raises BadTarget or OSError."""
    addresses = resolve(target.host, target.port)
    for address in addresses:
        refuse(address, allowed, secure=target.secure)
    return addresses


def refuse(text: str, allowed: Sequence[str], *, secure: bool = True) -> None:
    """Raise BadTarget unless this is an address of the open internet, or of a network that the operator allows."""
    address = ipaddress.ip_address(text)
    networks = [ipaddress.ip_network(one) for one in allowed]
    if any(address in network for network in networks if network.version == address.version):
        return
    if not secure:
        raise BadTarget(f"{text} is outside FLOWAPP_WEBHOOK_ALLOW, so only https:// may go there")
    if not _is_open(address):
        raise BadTarget(f"{text} is not an address of the open internet, and not in FLOWAPP_WEBHOOK_ALLOW")


def _is_open(address: Address) -> bool:
    if address.is_multicast or not address.is_global:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        within = any(address in network for network in _DISGUISES)
        return not (within or address.ipv4_mapped or address.sixtofour or address.teredo or address.scope_id)
    return True


def _refuse_odd_numbers(host: str, allowed: Sequence[str]) -> None:
    """2130706433, 0177.0.0.1 and 0x7f.1 are addresses to a resolver: only the usual writing of one is taken."""
    if ":" in host or _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        try:
            refuse(host, allowed)
        except BadTarget:
            raise
        except ValueError:
            raise BadTarget("an address is written as four numbers or as IPv6") from None
