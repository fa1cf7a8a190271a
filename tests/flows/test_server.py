# SPDX-License-Identifier: Apache-2.0
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from flows.server import ServerError, prefect_server

HOLDER = """
import sys, time
from pathlib import Path
from flows.server import prefect_server
with prefect_server(Path(sys.argv[1])) as environment:
    print(environment["PREFECT_API_URL"], flush=True)
    time.sleep(600)
"""


def test_its_pages_ask_the_server_they_came_from(prefect_environment: dict[str, str]) -> None:
    url = prefect_environment["PREFECT_API_URL"]
    with urllib.request.urlopen(f"{url.removesuffix('/api')}/ui-settings") as answer:
        assert f'"{url}"' in answer.read().decode()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for all servers here: making a database takes most of a first start."""
    return tmp_path_factory.mktemp("prefect")


def test_nothing_of_the_users_prefect_reaches_its_clients(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setenv("PREFECT_API_KEY", "the user's")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with prefect_server(home) as environment:
        assert "PREFECT_API_KEY" not in environment
        code = "from prefect.client.orchestration import get_client as c; c(sync_client=True).hello()"
        assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


def test_it_ends_when_its_owner_is_killed(home: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        url = owner.stdout.readline().strip()
        owner.kill()
    limit = time.monotonic() + 20
    while is_served(url):
        assert time.monotonic() < limit
        time.sleep(0.1)


def is_served(url: str) -> bool:
    host, port = url.split("/")[2].split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_a_server_that_can_not_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "prefect.db").write_text("this is longer than the header of a database " * 20)
    with pytest.raises(ServerError, match="not a database"), prefect_server(tmp_path):
        pass
