# SPDX-License-Identifier: Apache-2.0
"""A Prefect server of one's own that lasts no longer than who started it."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.error import URLError

from eb_prefect.errors import EBError

START_LIMIT = 120.0  # seconds; a first start makes the database, which took 8 s where it was tried

_SILENT = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
}
_NONE: Mapping[str, str] = MappingProxyType({})
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ServerError(EBError):
    """The Prefect server did not come up; ``log`` is what it wrote."""

    def __init__(self, log: Path) -> None:
        self.log = log
        tail = "\n  ".join(log.read_text(errors="replace").splitlines()[-5:])
        super().__init__(f"the Prefect server did not start; the end of {log} says:\n  {tail}")


@contextmanager
def prefect_server(home: Path, settings: Mapping[str, str] = _NONE) -> Iterator[dict[str, str]]:
    """Run a server with its data in ``home``; yield the whole environment for its clients.

    ``settings`` are more environment variables of both, such as the address
    of another database.

    It listens on a free port of the loopback interface, sends nothing
    outside, and knows nothing of the user's own Prefect settings. It ends
    with the block, and with this process, however that ends.

    Raises
    ------
    ServerError
        It did not answer within `START_LIMIT` seconds, or ended before.
    """
    home.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    environment = {**_environment(home, port), **settings}
    log = home / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-P", "-m", "flows.server", str(port)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C in the terminal is for us; we end the server after its clients
        )
    try:
        _await_answer(server, environment["PREFECT_API_URL"], log)
        yield environment
    finally:
        _end(server)


def await_history(environment: Mapping[str, str], flow_run: str, *, seconds: float = 15.0) -> None:
    """Wait until the server has the end of each task run of a finished flow run.

    Clients tell it by events that it works off later; what it has not got
    when it ends is lost.
    """
    ask = {"flow_runs": {"id": {"any_": [flow_run]}}}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = _post(f"{environment['PREFECT_API_URL']}/task_runs/filter", ask)
        if found and all(run["end_time"] for run in found):
            return
        time.sleep(0.1)


def _environment(home: Path, port: int) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    exempt = ",".join(filter(None, [os.environ.get("no_proxy"), "127.0.0.1"]))
    return (
        own
        | _SILENT
        | {
            "PREFECT_HOME": str(home),
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            # without these two the pages of the server ask port 4200 for everything
            "PREFECT_SERVER_API_HOST": "127.0.0.1",
            "PREFECT_SERVER_API_PORT": str(port),
            "no_proxy": exempt,
            "NO_PROXY": exempt,
        }
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_answer(server: subprocess.Popen[bytes], url: str, log: Path, seconds: float = START_LIMIT) -> None:
    end = time.monotonic() + seconds
    while server.poll() is None and time.monotonic() < end:
        try:
            _direct.open(f"{url}/health", timeout=5).close()
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
        else:
            return
    raise ServerError(log)


def _post(url: str, content: object) -> Any:
    request = urllib.request.Request(  # noqa: S310 - the address is our own server's
        url, json.dumps(content).encode(), {"Content-Type": "application/json"}
    )
    with _direct.open(request, timeout=10) as answer:
        return json.load(answer)


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    if server.stdin is not None:
        server.stdin.close()
    try:
        server.wait(15)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _serve(port: int) -> None:
    # here, because the other functions are for programs that start without Prefect
    import uvicorn  # noqa: PLC0415
    from prefect.server.api.server import create_app  # noqa: PLC0415

    threading.Thread(target=_end_with_parent, daemon=True).start()
    uvicorn.run(create_app(final=True), host="127.0.0.1", port=port, log_level="warning")


def _end_with_parent() -> None:
    os.read(0, 1)  # returns when the parent is gone, for it never writes
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
