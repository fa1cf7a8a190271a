# SPDX-License-Identifier: Apache-2.0
"""Connections that are kept open, made when the first is needed."""

import os
import ssl
import threading
import weakref
from importlib.util import find_spec

import httpcore
import httpx

from eb_prefect.brokers.http.address import Origin
from eb_prefect.brokers.http.deadline import BoundedBackend
from eb_prefect.brokers.http.network import Network, proxy_for, proxy_value, tls_context
from eb_prefect.errors import NotABrokerError

_CONNECTIONS = 100
_KEPT = 20
_KEPT_FOR = 5.0

_Key = tuple[int, str, str | None]


class Pool:
    """The connections of one object, which end with it; a process that was forked has its own."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._lock = threading.Lock()
        self._pools: dict[_Key, httpcore.ConnectionPool] = {}
        self._known: dict[tuple[int, Origin], httpcore.ConnectionPool] = {}
        weakref.finalize(self, _end, self._pools)

    def to(self, origin: Origin) -> httpcore.ConnectionPool:
        """Return the connections to an origin.

        Raises
        ------
        NotABrokerError
            A file of certificates or the address of the proxy can't be used.
        """
        key = (os.getpid(), origin)
        if (found := self._known.get(key)) is not None:
            return found
        with self._lock:
            return self._known.setdefault(key, self._pool(origin))

    def fresh(self, origin: Origin) -> httpcore.ConnectionPool:
        """Return connections that nobody has used; the caller closes them.

        Raises what `to` raises.
        """
        return self._made(origin, proxy_for(origin, self._network))

    def close(self) -> None:
        """End all connections; later requests open new ones."""
        with self._lock:
            self._known.clear()
            _end(self._pools)

    def _pool(self, origin: Origin) -> httpcore.ConnectionPool:
        proxy = proxy_for(origin, self._network)
        key = (os.getpid(), origin.scheme, proxy)
        if key not in self._pools:
            self._pools[key] = self._made(origin, proxy)
        return self._pools[key]

    def _made(self, origin: Origin, proxy: str | None) -> httpcore.ConnectionPool:
        return httpcore.ConnectionPool(
            # making a context takes 20 ms, so only those who need one pay for it
            ssl_context=self._context(origin) if origin.scheme == "https" else None,
            proxy=None if proxy is None else _proxy(origin, proxy),
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_KEPT,
            keepalive_expiry=_KEPT_FOR,
            network_backend=BoundedBackend(),
        )

    def _context(self, origin: Origin) -> ssl.SSLContext:
        try:
            return tls_context(self._network)
        except OSError as wrong:
            raise NotABrokerError(str(origin), f"the certificates can't be used: {wrong}") from wrong


def _end(pools: dict[_Key, httpcore.ConnectionPool]) -> None:
    own = [key for key in pools if key[0] == os.getpid()]
    for key in own:
        pools.pop(key).close()


def _proxy(origin: Origin, url: str) -> httpcore.Proxy:
    if url.startswith("socks") and find_spec("socksio") is None:
        raise NotABrokerError(str(origin), "a SOCKS proxy needs the package socksio")
    try:
        return proxy_value(url)
    except httpx.InvalidURL as wrong:
        raise NotABrokerError(str(origin), "the address of the proxy is none") from wrong
