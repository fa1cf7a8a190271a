# SPDX-License-Identifier: Apache-2.0
"""A web server of files on loopback, as archives have them: with ranges, or without."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit


class Files(ThreadingHTTPServer):
    """Serves the files of a folder; says what was asked for and how many bytes went out."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.ranges = True
        self.status: dict[str, int] = {}
        self.redirects: dict[str, str] = {}
        self.sent = 0
        self.asked: list[str] = []
        self.authorizations: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Files
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        name = unquote(urlsplit(self.path).path).lstrip("/")
        self.server.asked.append(f"{self.command} {name}")
        self.server.authorizations.add(self.headers.get("Authorization", ""))
        path = self.server.folder / name
        if name in self.server.redirects:
            self.answer(302, {"Location": self.server.redirects[name]})
        elif name in self.server.status or not path.is_file():
            self.answer(self.server.status.get(name, 404), {})
        else:
            self.send(path)

    def send(self, path: Path) -> None:
        size = path.stat().st_size
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not self.server.ranges or asked is None:
            self.answer(200, {}, (path, 0, size))
            return
        start, end = int(asked[1]), min(int(asked[2]) + 1, size)
        if start >= size:
            self.answer(416, {"Content-Range": f"bytes */{size}"})
            return
        self.answer(206, {"Content-Range": f"bytes {start}-{end - 1}/{size}"}, (path, start, end))

    def answer(
        self, status: int, headers: dict[str, str], piece: tuple[Path, int, int] | None = None
    ) -> None:
        path, start, end = piece or (None, 0, 0)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(end - start)}.items():
            self.send_header(name, value)
        self.end_headers()
        if path is None:
            return
        with path.open("rb") as file:
            file.seek(start)
            while start < end and (data := file.read(min(1 << 18, end - start))):
                self.wfile.write(data)
                start += len(data)
                self.server.sent += len(data)


@contextmanager
def files_served(folder: Path) -> Iterator[Files]:
    with Files(folder) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
