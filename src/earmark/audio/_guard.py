"""Only public addresses: what a service may fetch for a stranger without reaching its own house.

A name is resolved once, every address of it is judged, and the connection goes to an address that
was judged: what the name says a moment later does not matter.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from earmark.errors import FetchError

MOST_TRIED = 4
"""So many addresses of a host are tried: a name can have thousands at which nobody answers."""
_UNICAST6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
_TEREDO = ipaddress.IPv6Network("2001::/32")


def is_public(address: str) -> bool:
    """Return whether an address is one of the public internet, for one host.

    An IPv6 address that stands for an IPv4 address is judged by that.

    >>> is_public("93.184.215.14"), is_public("127.0.0.1"), is_public("::ffff:10.0.0.1")
    (True, False, False)
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = _inner(found)
        if inner is None:
            return found in _UNICAST6 and found not in _TEREDO and found.is_global
        found = inner
    return found.is_global and not (found.is_multicast or found.is_reserved)


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address leads to, or None."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _SIX_TO_FOUR:
        return address.sixtofour
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host in the order to try them; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True, slots=True)
class Guard:
    """Opens connections to public addresses only.

    ``resolve`` names the addresses of a host; ``dial`` connects to one of them.
    """

    resolve: Callable[[str, int], Sequence[str]] = resolve
    dial: Callable[[tuple[str, int], float | None], socket.socket] = socket.create_connection

    def connect(self, host: str, port: int, timeout_s: float | None) -> socket.socket:
        """Return a connection to a host.

        Raises
        ------
        FetchError
            Some address of it is not public; which one is not told.
        OSError
            It cannot be reached.
        """
        addresses = self.resolve(host, port)
        if not all(map(is_public, addresses)):
            message = (
                f"{host} is not an address of the public internet, and others are not fetched "
                "from here; send the file itself"
            )
            raise FetchError(message)
        refused = OSError(f"{host} has no address")
        for address in addresses[:MOST_TRIED]:
            try:
                return self.dial((address, port), timeout_s)
            except OSError as error:
                refused = error
        raise refused
