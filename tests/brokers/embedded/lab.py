# SPDX-License-Identifier: Apache-2.0
"""A person in an interactive session: the HTTP and kernel interfaces of a real Jupyter server."""

import json
import time
import urllib.request
from pathlib import Path
from typing import Any
from uuid import uuid4

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.brokers.protocol import Broker, Opening
from eb_prefect.model.session import Session

PATIENCE = 120.0


class Lab:
    """What a person does who has the link."""

    def __init__(self, link: str) -> None:
        self.link = link
        page, _, self.token = link.partition("?token=")
        self.url = page.partition("/lab")[0]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.url}/api/{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def visit(self) -> int:
        """Open the link as a browser does."""
        with urllib.request.urlopen(self.link, timeout=60) as answer:
            return int(answer.status)

    def save(self, path: str, *cells: str) -> None:
        """Save a notebook, with a checkpoint, as the editor does."""
        code = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
        made = [{**code, "id": f"cell-{number}", "source": source} for number, source in enumerate(cells)]
        content = {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        self.call("PUT", f"contents/{path}", {"type": "notebook", "content": content})
        self.call("POST", f"contents/{path}/checkpoints")

    def run(self, code: str) -> str:
        """Run code in a kernel of its own, which is left running; return what it prints."""
        import websocket

        kernel = self.call("POST", "kernels", {"name": "python3"})["id"]
        address = f"{self.url.replace('http', 'ws')}/api/kernels/{kernel}/channels"
        header = {"msg_id": uuid4().hex, "session": uuid4().hex, "username": "", "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
        asked = {"header": {**header, "msg_type": "execute_request"}, "content": content}
        line = websocket.create_connection(address, header=[f"Authorization: token {self.token}"], timeout=90)
        line.send(json.dumps({**asked, "parent_header": {}, "metadata": {}, "channel": "shell"}))
        said = ""
        while True:
            told = json.loads(line.recv())
            if told["parent_header"].get("msg_id") != header["msg_id"]:
                continue
            said += told["content"].get("text", "") + "".join(told["content"].get("traceback", ()))
            if told["msg_type"] == "execute_reply":
                line.close()
                return said


def wait_phase(broker: Broker, session: str, *phases: str) -> Session:
    """Look until the session has one of the phases, or has ended otherwise."""
    end = time.monotonic() + PATIENCE
    while (now := broker.session(session)).phase not in phases:
        assert not now.is_final, (now.phase, [message.text for message in now.messages])
        assert time.monotonic() < end, now.phase
        time.sleep(0.05)
    return now


def wait_up(broker: Broker, session: str) -> Lab:
    """Wait until a person can get in, and do."""
    assert isinstance(broker, Opening)
    wait_phase(broker, session, "AVAILABLE")
    return Lab(broker.way_in(session))


def end_all(home: Path) -> None:
    """End what a test that failed has left; a session outlives whoever began it."""
    broker = EmbeddedBroker(home)
    for path in (home / "sessions").glob("[!.]*"):
        broker.cancel(path.name)


def holding(text: str, *below: Path) -> list[str]:
    """Return the files below that hold a text."""
    files = (path for root in below for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(str(path) for path in files if text.encode() in path.read_bytes())
