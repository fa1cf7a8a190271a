# SPDX-License-Identifier: Apache-2.0
"""A scripted broker over HTTP, with every fault of servers and networks.

To test a client of Execution Brokers, in any language::

    broker = ScriptedBroker(((0, "RUNNING"), (3600, "COMPLETED")), clock=(clock := Clock()))
    with ScriptedServer(broker, Dialect.B2, faults=Faults(dropped_after=1)) as server:
        client = MyClient(server.url)
        ...  # the first answer is lost
        clock.advance(3600)
        server.faults = Faults(unavailable=3, retry_after="2")
        ...  # the next three are 503
        assert server.calls["session"] < 10

As a program of its own: ``python -m eb_prefect.testing.server --help``.
"""

import base64
import hmac
import socket
import socketserver
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from io import BufferedIOBase
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self

from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.testing.control import control
from eb_prefect.testing.endpoints import Endpoints
from eb_prefect.testing.exchange import Answer, Asked, MalformedError, read_asked
from eb_prefect.testing.faults import Faults
from eb_prefect.testing.misbehaving import Misbehaviour
from eb_prefect.testing.paths import Route, counted, route
from eb_prefect.testing.scripted import ScriptedBroker
from eb_prefect.wire.dialect import Dialect

Credentials = tuple[str, str] | str | None
"""Name and password for Basic, a bearer token, or None for everybody."""


def _nothing() -> ExecutionRequest:
    """Return a request that any broker of the house could run."""
    return ExecutionRequest(executable=Program(command=("true",)))


class ScriptedServer:
    """Serves a broker on loopback while its context lasts; ``url`` is where.

    It speaks dialect A, B1 or B2, or the neutral form, as the servers of
    that dialect did. ``faults`` are in force for the broker too, and can be
    set at any time. ``auth`` is what a POST must bring; with ``guards_reads``
    a GET too, which is public on all real servers. ``calls`` counts requests
    by verb as they come in: request_offers, offer_set, direct, session,
    accept, reject, cancel, fail, update, stream, health, other. ``ask`` makes the requests of
    sessions that its control begins.

    Below ``/-/`` is what no broker has, see `eb_prefect.testing.control`.
    """

    def __init__(  # noqa: PLR0913 - each is one thing that a test varies
        self,
        broker: ScriptedBroker,
        dialect: Dialect = Dialect.B2,
        *,
        faults: Faults | None = None,
        auth: Credentials = None,
        guards_reads: bool = False,
        port: int = 0,
        ask: Callable[[], ExecutionRequest] = _nothing,
    ) -> None:
        self.broker = broker
        self.dialect = dialect
        self.auth = auth
        self.guards_reads = guards_reads
        self.ask = ask
        self.calls: Counter[str] = Counter()
        self._stopping = Event()
        self._lock = Lock()
        self._open: set[socket.socket] = set()
        self._endpoints = Endpoints(broker, dialect)
        self.faults = broker.faults if faults is None else faults
        self._server = _Listener(("127.0.0.1", port), self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def faults(self) -> Faults:
        """What goes wrong; setting it begins all numbers of answers anew."""
        return self._misbehaviour.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._misbehaviour = Misbehaviour(faults, self._stopping)
        self._endpoints.faults = faults
        self.broker.faults = faults

    def __enter__(self) -> Self:
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        with self._lock:
            left = tuple(self._open)
        for connection in left:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def converse(self, connection: socket.socket, stream: BufferedIOBase) -> None:
        """Answer all requests of one connection."""
        with self._lock:
            self._open.add(connection)
        try:
            while self._exchange(connection, stream):
                pass
        finally:
            with self._lock:
                self._open.discard(connection)

    def _exchange(self, connection: socket.socket, stream: BufferedIOBase) -> bool:
        """Answer one request, and return whether there may be another."""
        try:
            asked = read_asked(stream, connection)
        except MalformedError:
            connection.sendall(Answer(400, headers={"Connection": "close"}).whole)
            return False
        if asked is None or self._stopping.is_set():
            return False
        to = route(asked, self.dialect)
        if to.verb == "control":
            connection.sendall(control(self, asked, to.about).whole)
            return asked.is_kept_alive
        with self._lock:
            self.calls[counted(asked, to)] += 1
        return self._answer(asked, to, connection) and asked.is_kept_alive

    def _answer(self, asked: Asked, to: Route, connection: socket.socket) -> bool:
        wrong = self._misbehaviour
        base = f"http://{asked.headers.get('host', self.url.removeprefix('http://'))}"
        if wrong.is_none:
            connection.sendall((self._denied(asked) or self._endpoints.answer(asked, to, base)).whole)
            return True
        if wrong.takes("dropped_before") or wrong.keeps_silent():
            return False
        answer = wrong.instead(asked, to) or self._denied(asked) or self._endpoints.answer(asked, to, base)
        if wrong.takes("dropped_after"):
            return False
        wrong.late()
        return wrong.send(wrong.spoilt(answer), connection)

    def _denied(self, asked: Asked) -> Answer | None:
        if self.auth is None or (asked.method == "GET" and not self.guards_reads):
            return None
        given = asked.headers.get("authorization", "").encode()
        if hmac.compare_digest(given, _authorization(self.auth).encode()):
            return None
        scheme = "Bearer" if isinstance(self.auth, str) else 'Basic realm="Realm"'
        return Answer(401, headers={"WWW-Authenticate": scheme})


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 1024
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], server: ScriptedServer) -> None:
        self.scripted = server
        super().__init__(address, _Conversation)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that broke off."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # the stub names its own alias


class _Conversation(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    server: _Listener

    def handle(self) -> None:
        self.server.scripted.converse(self.connection, self.rfile)


def _authorization(auth: tuple[str, str] | str) -> str:
    if isinstance(auth, str):
        return f"Bearer {auth}"
    return f"Basic {base64.b64encode(':'.join(auth).encode()).decode()}"
