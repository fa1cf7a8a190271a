# SPDX-License-Identifier: Apache-2.0
"""A server on loopback that says what a test wants."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple

from eb_prefect.model.session import OfferSet, Session
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.document import write_offer_set, write_session
from eb_prefect.wire.gaps import OURS
from eb_prefect.wire.text import to_text
from eb_prefect.wire.write import Style

FIRST = "7e6d5c4b-3a29-4187-9605-f4e3d2c1b0a9"
SECOND = "5b1c9d7e-2f43-4b8a-8d26-0c9e7a1f3b65"
OFFERS = "0f9e8d7c-6b5a-4493-8271-605f4e3d2c1b"


class Seen(NamedTuple):
    """A request as the server got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Answer(NamedTuple):
    """What the server answers; ``play`` writes to the socket itself, and it is closed then."""

    body: bytes | str = b""
    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})
    play: Callable[[socket.socket], None] | None = None


Saying = Answer | list[Answer] | Callable[[Seen], Answer]


@dataclass
class Served:
    """Answers by method and path; a list is answered one by one, and its last for ever."""

    url: str = ""
    says: dict[str, Saying] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def answer(self, seen: Seen) -> Answer:
        self.seen.append(seen)
        saying = self.says.get(str(seen), self.says.get(seen.method, Answer(status=404)))
        if callable(saying):
            return saying(seen)
        if isinstance(saying, list):
            return saying.pop(0) if len(saying) > 1 else saying[0]
        return saying

    @property
    def asked(self) -> list[str]:
        return [str(seen) for seen in self.seen]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: Any) -> None:
        """Say nothing of clients that leave early."""


@contextmanager
def serving(says: dict[str, Saying] | None = None, *, tls: ssl.SSLContext | None = None) -> Iterator[Served]:
    served = Served(says=dict(says or {}))
    server = _Server(("127.0.0.1", 0), _handler(served))
    served.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(served: Served) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            said = served.answer(Seen(self.command, self.path, headers, body))
            if said.play:
                self.close_connection = True
                said.play(self.connection)
                return
            content = said.body.encode() if isinstance(said.body, str) else said.body
            self.send_response_only(said.status)
            for name, value in {"Content-Length": str(len(content)), **said.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _any  # noqa: N815 -- as the base class calls them

        def log_message(self, *_: Any) -> None: ...

    return Handler


def session(phase: str, uuid: str = FIRST, **parts: Any) -> Session:
    return Session.model_validate({"uuid": uuid, "phase": phase, **parts})


def offers(*sessions: Session, result: str = "YES", **parts: Any) -> OfferSet:
    return OfferSet.model_validate({"uuid": OFFERS, "result": result, "offers": sessions, **parts})


def text(value: Session | OfferSet, dialect: Dialect = Dialect.B2) -> str:
    """Return the value as a server of the dialect writes it."""
    style = Style(lossy=True, drop=OURS | {"modified"})
    if isinstance(value, Session):
        return to_text(write_session(value, dialect, style))
    return to_text(write_offer_set(value, dialect, style))


def told(phase: str, uuid: str = FIRST, **parts: Any) -> Answer:
    """Return the answer that has a session."""
    return Answer(text(session(phase, uuid, **parts)))


def made(offered: OfferSet, dialect: Dialect = Dialect.B2, host: str = "http://127.0.0.1:1") -> Answer:
    """Return the answer that brokers give to a request."""
    return Answer(text(offered, dialect), 303, {"Location": f"{host}/offersets/{OFFERS}"})
