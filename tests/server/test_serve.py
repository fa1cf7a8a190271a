# SPDX-License-Identifier: Apache-2.0
"""The command ``eb serve`` as a process."""

import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from eb_prefect.wire.dialect import Dialect
from tests.brokers.embedded.bench import EmbeddedBench
from tests.cli.walking import EB, environment
from tests.server.asking import Asking, making, uuid_of


@contextmanager
def served(home: Path, *words: object, **options: Any) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command; yield the process and its URL."""
    process = subprocess.Popen(
        [*EB, "serve", "--port", "0", "--json", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(home),
        **options,
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())["url"]
    finally:
        process.kill()
        process.communicate()


def eb(home: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [*EB, "serve", *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment(home), timeout=60, check=False
    )


def test_it_says_where_it_listens_and_how_to_ask(tmp_path: Path) -> None:
    command = [*EB, "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(tmp_path)) as process:
        assert process.stdout is not None
        told, hint = process.stdout.readline(), process.stdout.readline()
        url = told.split()[2]
        assert told == f"listening at {url} (B2) and {url}/A {url}/B1 {url}/B2 {url}/neutral\n"
        assert hint.startswith("ask: curl -H 'Content-Type: application/yaml' --data-binary @request.yaml ")
        assert httpx.get(f"{url}/actuator/health").json() == {"status": "UP"}
        process.terminate()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_in_order_and_quietly(tmp_path: Path, number: int, code: int) -> None:
    with served(tmp_path) as (process, url):
        with httpx.Client() as client:  # whose connection stays open
            client.get(url)
            process.send_signal(number)
            rest = process.communicate(timeout=20)
        assert (process.returncode, "".join(rest).strip()) == (code, "")


def test_an_answer_on_its_way_is_sent_before_it_ends(tmp_path: Path) -> None:
    with served(tmp_path) as (process, url):
        location = Asking(url).finished(making("truncate -s 200M /output/x"))["connectors"][-1]["location"]
        with httpx.stream("GET", location) as answer:
            process.terminate()
            assert sum(map(len, answer.iter_raw())) == 200 << 20
        assert process.wait(20) == 0


def test_a_port_in_use_is_one_line_and_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = eb(tmp_path, "--port", port)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith(f"eb: nothing can listen on 127.0.0.1 port {port}: ")
    assert told.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--host", "0.0.0.0"), "give --users FILE, or listen on 127.0.0.1"),
        (("--host", "::"), "give --users FILE, or listen on 127.0.0.1"),
        (("--host", "192.0.2.1", "--users", "users"), "nothing can listen on 192.0.2.1"),
        (("--host", "no host"), "nothing can listen on no host"),
        (("--users", "nowhere"), "the users file nowhere can't be used: No such file"),
        (("--add-user", "ana"), "--add-user needs --users FILE"),
        (("--public-reads",), "--public-reads needs --users FILE"),
        (("--broker", "nonsense"), "there is no broker named 'nonsense'"),
        (("--base-url", "nonsense"), "'nonsense' is no http:// or https:// address"),
        (("--dialect", "A0"), "'A0' is not one of"),
        (("--port", "70000"), "70000 is not in the range"),
    ],
)
def test_what_can_not_be_served_is_said_and_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    eb(tmp_path, "--users", "users", "--add-user", "ana")
    told = eb(tmp_path, *words)
    assert (told.returncode, told.stdout) == (2, "")
    assert reason in told.stderr
    assert "Traceback" not in told.stderr


def test_a_users_secret_is_printed_once_and_serves(tmp_path: Path) -> None:
    users = tmp_path / "users"
    added = eb(tmp_path, "--users", users, "--add-user", "ana")
    assert added.returncode == 0
    secret = added.stdout.strip()
    assert json.loads(eb(tmp_path, "--users", users, "--add-user", "bo", "--json").stdout)["user"] == "bo"
    with served(tmp_path, "--users", users, "--host", "0.0.0.0") as (process, url):
        here = url.replace("0.0.0.0", "127.0.0.1")
        assert Asking(here).submit(making("true")).status_code == 401
        assert Asking(here, auth=("ana", secret)).submit(making("true")).status_code == 303
        process.terminate()
        assert secret not in "".join(process.communicate(timeout=20))


def test_a_public_address_is_told_to_clients(tmp_path: Path, bench: EmbeddedBench) -> None:
    with served(tmp_path, "--base-url", "https://eb.example/x/") as (_, told):
        assert told == "https://eb.example/x"
    with served(tmp_path, "--base-url", "https://eb.example/x/", "--port", "0") as (process, _):
        port = listening_port(process.pid)
        asking = Asking(f"http://127.0.0.1:{port}")
        location = asking.submit(bench.succeeding()).headers["Location"]
        assert location.startswith("https://eb.example/x/B2/offersets/")
        assert httpx.get(asking.root, headers={"Host": "eb.example"}).status_code == 200


def listening_port(pid: int) -> int:
    open_now = set(map(target, Path(f"/proc/{pid}/fd").iterdir()))
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[3] == "0A" and f"socket:[{words[9]}]" in open_now:
            return int(words[1].rpartition(":")[2], 16)
    raise AssertionError("it does not listen")


def target(descriptor: Path) -> str:
    """Read where a descriptor of a running process leads; it may be closed by now."""
    try:
        return str(descriptor.readlink())
    except FileNotFoundError:
        return ""


def test_the_root_speaks_what_is_asked(tmp_path: Path) -> None:
    with served(tmp_path, "--dialect", "a") as (_, url):
        request = Asking(url, Dialect.A).written(making("true"))
        assert httpx.post(f"{url}/offersets", json=request).status_code == 303


def test_a_session_goes_on_when_the_server_is_killed_and_is_found_by_the_next(tmp_path: Path) -> None:
    users = tmp_path / "users"
    secret = eb(tmp_path, "--users", users, "--add-user", "ana").stdout.strip()
    with served(tmp_path, "--users", users) as (process, url):
        asking = Asking(url, auth=("ana", secret))
        offers = asking.submit(making("sleep 2; echo it > /output/x; echo said")).json()
        session = uuid_of(offers["offers"][0])
        asking.update(session, "ACCEPTED")
        process.kill()
        process.wait()
    time.sleep(0.5)
    with served(tmp_path, "--users", users) as (_, url):
        asking = Asking(url, auth=("ana", secret))
        final = asking.final(session)
        assert final["phase"] == "COMPLETED"
        assert [asking.get(each["location"]).text for each in final["connectors"]] == ["said\n", "", "it\n"]
        assert asking.get(f"/offersets/{uuid_of(offers)}").json()["offers"][0]["phase"] == "COMPLETED"
