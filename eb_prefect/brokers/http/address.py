# SPDX-License-Identifier: Apache-2.0
"""The addresses of brokers and of what they name."""

import re
from typing import NamedTuple

import httpcore
import httpx

_DEFAULT_PORTS = {"http": 80, "https": 443}
_SHOWN = 200
_HOST = re.compile(r"([\w-]{1,63}\.)*[\w-]{1,63}\.?|[0-9a-fA-F]*:[0-9a-fA-F:.]+(%25[\w.-]+)?", re.ASCII)
_HOST_AND_PORT = re.compile(r"[^:]*(:\d*)?|\[.*\](:\d*)?")


class Origin(NamedTuple):
    """What credentials are bound to."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


class Address(NamedTuple):
    """An origin and the path below it, in the form that goes over the wire.

    ``user`` and ``password`` are what stood before the host; they are no part
    of the address's text.
    """

    origin: Origin
    path: str
    user: str = ""
    password: str = ""

    def wire(self) -> httpcore.URL:
        """Return the address in the form that the connection pool takes."""
        scheme, host, port = self.origin
        return httpcore.URL(scheme=scheme, host=host, port=port, target=self.path)

    def __str__(self) -> str:
        return f"{self.origin}{self.path}"

    def __repr__(self) -> str:
        return f"<{self}>"


def address(url: str, *, base: Address | None = None) -> Address | str:
    """Return the address that the text names, relative to ``base``; or why it names none."""
    try:
        parsed = httpx.URL(url) if base is None else httpx.URL(str(base)).join(url)
    except (httpx.InvalidURL, ValueError):  # what it says may have a part of a password in it
        return f"{shown(url)} is no address"
    if parsed.scheme not in _DEFAULT_PORTS:
        return f"{shown(url)} does not begin with http:// or https://"
    host = parsed.raw_host.decode("ascii")
    port = _DEFAULT_PORTS[parsed.scheme] if parsed.port is None else parsed.port
    if not _HOST.fullmatch(host) or not 0 < port < 65536:
        return f"{shown(url)} has no host and port that can be"
    origin = Origin(parsed.scheme, host, port)
    return Address(origin, parsed.raw_path.decode("ascii"), parsed.username, parsed.password)


def shown(url: str) -> str:
    """Return the text of an address for a person to read: short, printable and without a password."""
    before, slashes, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    if "@" in path and not _HOST_AND_PORT.fullmatch(authority):  # it is the beginning of a password
        authority, slash, path = rest.rpartition("@")[2].partition("/")
    bare = (
        f"{before}{slashes}{authority.rpartition('@')[2]}{slash}{path}" if slashes else url.rpartition("@")[2]
    )
    printable = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in bare[:_SHOWN])
    return repr(printable) if printable == bare else repr(f"{printable}...")
