# SPDX-License-Identifier: Apache-2.0
"""The stand-in over HTTP on loopback."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.brokers.panda.documents import Recorded
from tests.brokers.panda.standin import Panda


class LostError(Exception):
    """The connection ends without an answer."""


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    panda: Panda

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {key: found[0] for key, found in parse_qs(parts.query, keep_blank_values=True).items()}
        self.reply("GET", parts.path, {key: int(v) if key == "n_tasks" else v for key, v in query.items()})

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.reply("POST", urlsplit(self.path).path, json.loads(text))

    def reply(self, method: str, whole: str, given: dict[str, Any]) -> None:
        path = whole.removeprefix("/api/v1/")
        self.panda.calls.append(path)
        try:
            answer = self.faulty(path, lambda: self.panda.answer(method, path, given, self.headers))
        except LostError:
            self.close_connection = True
            return
        told = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        sent = told.encode("utf-8", "surrogateescape")
        if self.panda.mangle is not None:
            sent = self.panda.mangle(path, sent)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.type)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def faulty(self, path: str, call: Callable[[], Recorded]) -> Recorded:
        fault = next((each for each in self.panda.faults if each.path == path and each.times > 0), None)
        if fault is None:
            return call()
        fault.times -= 1
        if not fault.before:
            call()
        if fault.until is not None:
            fault.until.wait(30)
        if fault.answer is None:
            raise LostError
        return fault.answer

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


@dataclass(frozen=True)
class StandIn:
    """A server that runs, and where."""

    url: str
    panda: Panda


@contextmanager
def serving(panda: Panda | None = None) -> Iterator[StandIn]:
    """Serve a stand-in on loopback."""
    state = panda or Panda()
    server = _Server(("127.0.0.1", 0), type("Answering", (_Answering,), {"panda": state}))
    threads = [
        threading.Thread(target=server.serve_forever, args=(0.01,)),
        threading.Thread(target=state.work),
    ]
    for thread in threads:
        thread.start()
    try:
        yield StandIn(f"http://127.0.0.1:{server.server_address[1]}", state)
    finally:
        state.ended.set()
        server.shutdown()
        server.server_close()
        for thread in threads:
            thread.join()
