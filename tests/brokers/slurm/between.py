# SPDX-License-Identifier: Apache-2.0
"""A server between a client and slurmrestd, which can lose, change and count."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx


class Between:
    """Passes on what it is asked and notes it; ``answers`` go instead, by the end of the path.

    An answer of None is to pass the request on and to end the connection in
    place of an answer.
    """

    def __init__(self, at: str) -> None:
        self.at = at
        self.url = ""
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.answers: dict[str, tuple[int, bytes] | None] = {}
        self.delay = 0.0

    def answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, bytes] | None:
        self.asked.append(f"{method} {path}")
        self.headers.append(headers)
        time.sleep(self.delay)
        bare = path.partition("?")[0].rstrip("/")
        instead = [answer for end, answer in self.answers.items() if bare.endswith(end)]
        if instead and instead[0] is not None:
            return instead[0]
        passed = {name: value for name, value in headers.items() if name.startswith(("x-", "content-type"))}
        said = httpx.request(method, f"{self.at}{path}", headers=passed, content=body, trust_env=False)
        return None if instead else (said.status_code, said.content)


def _handler(between: Between) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _pass(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            answer = between.answer(self.command, self.path, headers, body)
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer[0])
            self.send_header("Content-Length", str(len(answer[1])))
            self.end_headers()
            with suppress(ConnectionError):  # who asked may have gone
                self.wfile.write(answer[1])

        do_GET = do_POST = do_DELETE = _pass  # noqa: N815 -- the names of its base

        def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002 -- the same

    return Handler


@contextmanager
def between(at: str) -> Iterator[Between]:
    """Serve one on loopback."""
    middle = Between(at)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(middle))
    middle.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield middle
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def counted(middle: Between, call: Callable[[], Any]) -> list[str]:
    """Return what was asked during a call."""
    before = len(middle.asked)
    call()
    return middle.asked[before:]
