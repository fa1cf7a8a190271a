# SPDX-License-Identifier: Apache-2.0
"""Running a server: in this thread until a signal ends it, or beside it for a while."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from eb_prefect.brokers.protocol import Broker
from eb_prefect.errors import EBError
from eb_prefect.server.app import app
from eb_prefect.server.users import Users
from eb_prefect.wire.dialect import Dialect

LOOPBACK = "127.0.0.1"
CONNECTIONS = 500
"""How many clients are served at the same time; the others get 503."""

_BACKLOG = 1024
_GRACE = 5  # seconds for answers that are on their way when the server ends


class CanNotListenError(EBError):
    """The server can't have the address."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        self.host = host
        self.port = port
        self.reason = reason
        super().__init__(f"nothing can listen on {host} port {port}: {reason}; name another with --port")


class NoUsersError(EBError):
    """A server that others can reach has to know who they are."""

    def __init__(self, host: str) -> None:
        self.host = host
        super().__init__(
            f"others can reach {host} and could run programs as you; "
            f"give --users FILE, or listen on {LOOPBACK}"
        )


def listening(host: str, port: int, *, has_users: bool) -> socket.socket:
    """Return a socket that listens; port 0 is any that is free.

    Raises
    ------
    CanNotListenError
        The port is another program's, or the host is not this machine's.
    NoUsersError
        The host is not the loopback interface, and anyone could call.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError, OverflowError) as error:
        raise CanNotListenError(host, port, getattr(error, "strerror", None) or str(error)) from error
    if not (has_users or ip_address(address[0]).is_loopback):
        raise NoUsersError(host)
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise CanNotListenError(host, port, error.strerror or str(error)) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the address of a socket, as a URL without a slash at its end."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(application: Starlette, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM; answers on their way get a few seconds.

    The signal is raised again when all has ended.
    """
    _server(application).run([listener])


@contextmanager
def serving(  # noqa: PLR0913 -- the arguments of both
    broker: Broker,
    *,
    host: str = LOOPBACK,
    port: int = 0,
    dialect: Dialect = Dialect.B2,
    users: Users | None = None,
    public_reads: bool = False,
    base_url: str | None = None,
    home: Path | None = None,
) -> Iterator[str]:
    """Serve a broker in a thread of its own while the context lasts; yield the root URL.

    The arguments are those of `eb_prefect.server.app.app` and `listening`,
    and so are the errors.
    """
    listener = listening(host, port, has_users=users is not None)
    server = _server(
        app(
            broker,
            dialect=dialect,
            users=users,
            public_reads=public_reads,
            base_url=base_url,
            home=home,
        )
    )
    url = url_of(listener)
    thread = threading.Thread(target=server.run, args=([listener],), name="eb-serve", daemon=True)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        yield url
    finally:
        server.should_exit = True
        thread.join()


def _server(application: Starlette) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            application,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="on",
            log_config=None,  # warnings and errors go where the program has its log
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=_GRACE,
        )
    )
