# SPDX-License-Identifier: Apache-2.0
import contextlib
import multiprocessing
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from eb_prefect.brokers.batch.ssh import Ssh
from eb_prefect.brokers.batch.ssh_command import LINE, script
from eb_prefect.errors import AccessDeniedError, BrokerUnavailableError, UnusableAnswerError
from tests.sshd import Sshd, own_sshd

__all__ = ["own_sshd"]


@contextlib.contextmanager
def reaching(server: Sshd, name: str = "host", *lines: str, **more: object) -> Iterator[Ssh]:
    """The server, as ``name`` with these lines before the others of its configuration."""
    host = Ssh(name, configuration=server.configured(name, *lines), **{"patience": 20, **more})
    yield host
    host.close()


@contextlib.contextmanager
def serving(directory: Path, *lines: str) -> Iterator[Sshd]:
    server = Sshd(directory, lines)
    server.start()
    yield server
    server.stop()


def key(path: Path, passphrase: str = "", comment: str = "") -> Path:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", comment, "-f", path], check=True
    )
    return path


def test_a_connection_that_breaks_in_mid_stream_says_so_and_the_next_works(
    own_sshd: Sshd, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(bytes(64 << 20))
    with reaching(own_sshd) as host:
        pieces = host.stream(str(tmp_path / "file"))
        next(pieces)
        own_sshd.cut()
        with pytest.raises(BrokerUnavailableError, match="lost"):
            list(pieces)
        assert len(host.read(str(tmp_path / "file")) or b"") == 64 << 20


def test_a_stream_may_be_left_at_any_time(sshd: Sshd, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(20 << 20))
    with reaching(sshd) as host:
        for _ in range(200):
            next(host.stream(str(tmp_path / "file")))
        left = host.stream(str(tmp_path / "file"))
        next(left)
    left.close()


def test_a_connection_that_breaks_in_mid_write_leaves_the_old_file_or_the_new(
    own_sshd: Sshd, tmp_path: Path
) -> None:
    path, old, new = tmp_path / "file", b"old" * 9, bytes(range(256)) * 400_000
    with reaching(own_sshd) as host:
        for moment in (0.005, 0.05, 0.1, 0.2, 0.3):
            host.write(str(path), old)
            cutter = threading.Timer(moment, own_sshd.cut)
            cutter.start()
            with contextlib.suppress(BrokerUnavailableError):
                host.write(str(path), new)
            cutter.join()
            assert path.read_bytes() in (old, new)


def test_a_connection_that_breaks_under_a_command_says_so(own_sshd: Sshd) -> None:
    with reaching(own_sshd) as host:
        threading.Timer(0.5, own_sshd.cut).start()
        with pytest.raises(BrokerUnavailableError, match="lost"):
            host.run(["sleep", "5"])


def test_a_connection_that_falls_silent_is_replaced(own_sshd: Sshd) -> None:
    with reaching(own_sshd, "host", "ServerAliveInterval 1", "ServerAliveCountMax 1") as host:
        host.run(["true"])
        for pid in own_sshd.connections():
            os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        assert host.run(["echo", "again"]).out == "again\n"
        assert time.monotonic() - began < 15
        own_sshd.cut()


@pytest.mark.parametrize("verb", ["run", "read", "link", "stream"])
def test_a_server_that_was_restarted_is_not_noticed(own_sshd: Sshd, tmp_path: Path, verb: str) -> None:
    (tmp_path / "file").write_text("content")
    does = {
        "run": lambda: host.run(["echo", "hello"]).out == "hello\n",
        "read": lambda: host.read(str(tmp_path / "file")) == b"content",
        "link": lambda: host.link(str(tmp_path / "link"), "text"),
        "stream": lambda: list(host.stream(str(tmp_path / "file"))) == [b"content"],
    }
    with reaching(own_sshd) as host:
        host.home()
        host.read(str(tmp_path / "file"))
        own_sshd.stop()
        own_sshd.start()
        assert does[verb]()


def test_a_server_that_is_not_there_got_nothing(own_sshd: Sshd) -> None:
    own_sshd.stop()
    with reaching(own_sshd) as host, pytest.raises(BrokerUnavailableError) as caught:
        host.run(["true"])
    assert caught.value.is_unsent
    with reaching(own_sshd) as host, pytest.raises(BrokerUnavailableError):
        host.read("/etc/passwd")
    own_sshd.start()


def test_a_name_that_nobody_has_is_an_error_of_the_host() -> None:
    with pytest.raises(BrokerUnavailableError, match=r"nowhere\.invalid"):
        Ssh("nowhere.invalid", configuration=Path(os.devnull)).run(["true"])


@pytest.mark.parametrize("known", ["another", "none"])
def test_a_host_key_is_never_taken_on_trust(own_sshd: Sshd, tmp_path: Path, known: str) -> None:
    other = key(tmp_path / "other").with_suffix(".pub").read_text()
    port = (own_sshd.directory / "port").read_text().strip()
    known_hosts = tmp_path / "known_hosts"
    if known == "another":
        known_hosts.write_text(f"[127.0.0.1]:{port} {other}")
    lines = f"UserKnownHostsFile {known_hosts if known == 'another' else 'none'}", "StrictHostKeyChecking no"
    with (
        reaching(own_sshd, "host", *lines) as host,
        pytest.raises(BrokerUnavailableError, match="compare the key"),
    ):
        host.run(["true"])
    assert (known_hosts.read_text() if known_hosts.exists() else "").count("\n") == (known == "another")


def test_a_jump_host_is_not_taken_on_trust_either(own_sshd: Sshd, tmp_path: Path) -> None:
    path = own_sshd.configured(
        "target", "ProxyJump jump", f"UserKnownHostsFile {own_sshd.directory}/known_hosts"
    )
    path.write_text(path.read_text() + "Host jump\nUserKnownHostsFile none\n")
    text = own_sshd.configured("jump", "UserKnownHostsFile none").read_text()
    path.write_text(path.read_text().replace("Host host target", "Host host") + text)
    with pytest.raises(BrokerUnavailableError, match="compare the key"):
        Ssh("target", configuration=path).run(["true"])


def test_a_certified_host_key_is_known_by_its_authority(tmp_path: Path) -> None:
    authority = key(tmp_path / "authority")
    with serving(tmp_path / "sshd", f"HostCertificate {tmp_path}/sshd/host_key-cert.pub") as server:
        server.stop()
        host_key = server.directory / "host_key.pub"
        subprocess.run(
            ["ssh-keygen", "-q", "-s", authority, "-I", "it", "-h", "-n", "127.0.0.1", host_key], check=True
        )
        server.start()
        known = tmp_path / "known_hosts"
        known.write_text(f"@cert-authority * {authority.with_suffix('.pub').read_text()}not a line of it\n")
        with reaching(server, "host", f"UserKnownHostsFile {known} {tmp_path}/missing") as host:
            assert host.run(["true"]).code == 0


def test_a_refused_key_says_what_to_do(own_sshd: Sshd, tmp_path: Path) -> None:
    (own_sshd.directory / "authorized_keys").write_text("")
    with reaching(own_sshd) as host, pytest.raises(AccessDeniedError, match="ssh-add"):
        host.run(["true"])


def test_a_key_that_needs_a_passphrase_is_for_the_agent(
    own_sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = key(tmp_path / "locked", "a secret")
    public = locked.with_suffix(".pub")
    (own_sshd.directory / "authorized_keys").write_text(public.read_text())
    (own_sshd.directory / "user_key").unlink()
    lines = f"IdentityFile {locked}", f"IdentityAgent {tmp_path}/agent"
    with reaching(own_sshd, "host", *lines) as host:
        with pytest.raises(AccessDeniedError, match="ssh-add"):
            host.run(["true"])
        with agent(tmp_path, locked, "a secret"):
            assert host.run(["echo", "in"]).out == "in\n"


@contextlib.contextmanager
def agent(directory: Path, locked: Path, passphrase: str) -> Iterator[None]:
    socket, answer = directory / "agent", directory / "answer"
    answer.write_text(f"#!/bin/sh\necho '{passphrase}'\n")
    answer.chmod(0o700)
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    while not socket.exists():
        time.sleep(0.01)
    environment = {
        **os.environ,
        "SSH_AUTH_SOCK": str(socket),
        "SSH_ASKPASS": str(answer),
        "SSH_ASKPASS_REQUIRE": "force",
    }
    subprocess.run(["ssh-add", "-q", locked], env=environment, check=True, capture_output=True)
    yield
    process.terminate()
    process.wait()


def test_a_host_is_reached_through_jump_hosts_that_are_left_with_it(own_sshd: Sshd) -> None:
    with reaching(own_sshd, "inner", "ProxyJump host,host") as host:
        assert host.run(["echo", "far"]).out == "far\n"
        assert len(own_sshd.connections()) == 3
    until_left(own_sshd)


def test_a_host_is_reached_through_a_command(sshd: Sshd) -> None:
    command = f"ProxyCommand ssh -F {sshd.configuration} -W %h:%p host"
    with reaching(sshd, "inner", command) as host:
        assert host.run(["echo", "far"]).out == "far\n"


def test_jump_hosts_in_a_circle_are_an_error(sshd: Sshd) -> None:
    with (
        reaching(sshd, "inner", "ProxyJump inner") as host,
        pytest.raises(BrokerUnavailableError, match="circle"),
    ):
        host.run(["true"])


def test_a_mistake_in_the_configuration_is_named(sshd: Sshd) -> None:
    with reaching(sshd, "inner", "Port many") as host, pytest.raises(BrokerUnavailableError, match="line 2"):
        host.run(["true"])


def test_threads_share_one_connection(own_sshd: Sshd) -> None:
    with reaching(own_sshd) as host, ThreadPoolExecutor(50) as pool:
        said = list(pool.map(lambda number: host.run(["echo", str(number)]).out, range(50)))
        assert said == [f"{number}\n" for number in range(50)]
        assert len(own_sshd.connections()) == 1


def test_a_server_with_few_sessions_is_given_time(tmp_path: Path) -> None:
    with (
        serving(tmp_path / "sshd", "MaxSessions 2") as server,
        reaching(server) as host,
        ThreadPoolExecutor(20) as pool,
    ):
        assert host.read("/etc/passwd")
        said = list(pool.map(lambda number: host.run(["echo", str(number)]).out, range(20)))
    assert said == [f"{number}\n" for number in range(20)]


@pytest.mark.parametrize("shell", ["tcsh", "fish", "zsh", "dash", "bash"])
def test_the_login_shell_may_be_any(own_sshd: Sshd, shell: str) -> None:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not installed")
    keys = own_sshd.directory / "authorized_keys"
    keys.write_text(f'command="exec {path} -c \\"$SSH_ORIGINAL_COMMAND\\"" {keys.read_text()}')
    word = "a 'b' \"c\" !d \\e\n$f `g` \\\\n {h} é"
    with reaching(own_sshd) as host:
        said = host.run(
            ["sh", "-c", 'printf "%s|%s" "$1" "$X"; cat', "sh", word], text="in", environment={"X": word}
        )
    assert said.out == f"{word}|{word}in"


@pytest.mark.parametrize("shell", ["dash", "bash --posix", "zsh --emulate sh", "busybox sh", "mksh"])
def test_any_posix_shell_will_do_as_the_one_of_the_host(shell: str) -> None:
    word = "a 'b' \"c\" !d \\e\n$f `g` \\\\n {h} %s é\udcff"
    program, *options = shell.split()
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    command = [program, *options, *shlex.split(LINE)[2:]]
    line = script(["sh", "-c", 'printf "%s|%s|" "$1" "$X"; cat', "sh", word], {"X": word}, "")
    said = subprocess.run(command, input=line + b"in", capture_output=True, check=True)
    assert said.stdout == os.fsencode(f"{word}|{word}|in"), said.stderr


def test_a_command_may_need_to_be_set_up(sshd: Sshd) -> None:
    with reaching(sshd, setup='echo "loading it"; cat; SET=up; export SET') as host:
        said = host.run(["sh", "-c", 'echo "$SET"; cat'], text="in")
    assert (said.out, said.err) == ("up\nin", "loading it\n")


def test_a_command_that_says_too_much_is_ended(sshd: Sshd) -> None:
    with reaching(sshd) as host:
        with pytest.raises(UnusableAnswerError, match="64 MiB"):
            host.run(["yes"])
        assert host.run(["true"]).code == 0


def test_a_forked_process_has_a_connection_of_its_own(own_sshd: Sshd, tmp_path: Path) -> None:
    with reaching(own_sshd) as host:
        host.write(str(tmp_path / "file"), b"parent")
        child = multiprocessing.get_context("fork").Process(
            target=lambda: host.write(str(tmp_path / "child"), host.read(str(tmp_path / "file")) or b"")
        )
        child.start()
        child.join(20)
        assert child.exitcode == 0
        assert (tmp_path / "child").read_bytes() == b"parent"
        assert host.read(str(tmp_path / "child")) == b"parent"


def test_a_closed_host_opens_again(sshd: Sshd) -> None:
    with reaching(sshd) as host:
        assert host.run(["echo", "1"]).out == "1\n"
        host.close()
        host.close()
        assert host.run(["echo", "2"]).out == "2\n"


def test_a_host_that_is_forgotten_leaves_no_thread_and_no_connection(own_sshd: Sshd) -> None:
    before = threading.active_count()
    host = Ssh("host", configuration=own_sshd.configuration)
    host.run(["true"])
    assert threading.active_count() > before
    del host
    until_left(own_sshd)
    assert threading.active_count() == before


def until_left(server: Sshd) -> None:
    ends = time.monotonic() + 5
    while server.connections():
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_without_the_library_the_extra_is_named() -> None:
    program = "import sys; sys.modules['asyncssh'] = None; import eb_prefect.brokers.batch.ssh"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "eb-prefect[ssh]" in done.stderr
