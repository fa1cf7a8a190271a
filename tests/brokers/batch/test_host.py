# SPDX-License-Identifier: Apache-2.0
import os
import pickle
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from eb_prefect.brokers.batch.here import Here
from eb_prefect.brokers.batch.host import Host
from eb_prefect.brokers.batch.ssh import Ssh
from eb_prefect.errors import BrokerUnavailableError
from tests.sshd import Sshd, own_sshd

__all__ = ["own_sshd"]

AWKWARD = "a  b'c\"d`e`$HOME\\n\n!x%s{}*?~#\t;|&<>()[]^é\udcff"
ODD = ("a b", "it's", 'say "x"', "new\nline", "\udcff\udcfe", "é", "*?[x]", "-rf", "#~!$HOME`")


def at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class HostContract:
    """What holds for every host whose files this machine sees too."""

    @pytest.fixture
    def host(self) -> Any:
        raise NotImplementedError

    def impatient(self, host: Host) -> Host:
        """Return the same host with two seconds for each command."""
        raise NotImplementedError

    def test_a_command_tells_what_it_said_and_how_it_ended(self, host: Host) -> None:
        assert host.run(["sh", "-c", "echo out; echo err >&2; exit 7"]) == (7, "out\n", "err\n")

    def test_words_arrive_as_they_are(self, host: Host, tmp_path: Path) -> None:
        host.run(["sh", "-c", 'printf %s "$1" >"$2"', "sh", AWKWARD, str(tmp_path / "word")])
        assert (tmp_path / "word").read_bytes() == os.fsencode(AWKWARD)

    def test_a_command_gets_its_text_and_nothing_else(self, host: Host) -> None:
        assert host.run(["cat"], text="a\n\nb é").out == "a\n\nb é"
        assert host.run(["cat"]).out == ""

    def test_what_a_command_does_not_read_does_no_harm(self, host: Host) -> None:
        assert host.run(["true"], text="x" * (1 << 20)).code == 0

    def test_a_long_text_comes_through(self, host: Host) -> None:
        text = "0123456789abcde\n" * (1 << 18)
        assert host.run(["cat"], text=text).out == text

    def test_the_environment_is_beside_its_own(self, host: Host) -> None:
        said = host.run(["sh", "-c", 'printf %s "$A|$B|$HOME"'], environment={"A": AWKWARD[:-1], "B": ""})
        assert said.out == f"{AWKWARD[:-1]}||{host.home()}"

    def test_a_command_that_is_missing_ends_with_127(self, host: Host) -> None:
        said = host.run(["no-such-command", "x"])
        assert said.code == 127
        assert "no-such-command" in said.err

    def test_a_signal_is_a_negative_code(self, host: Host) -> None:
        assert host.run(["sh", "-c", "kill -9 $$"]).code == -9

    def test_output_that_is_no_text_is_no_error(self, host: Host) -> None:
        assert host.run(["printf", r"a\377b"]).out == "a\N{REPLACEMENT CHARACTER}b"

    def test_a_command_that_takes_too_long_is_given_up(self, host: Host) -> None:
        began = time.monotonic()
        with pytest.raises(BrokerUnavailableError, match="no answer in 2 s"):
            self.impatient(host).run(["sleep", "20"])
        assert time.monotonic() - began < 15

    def test_home_is_the_directory_of_the_user(self, host: Host) -> None:
        assert Path(host.home()).is_absolute()

    def test_many_threads_may_use_it(self, host: Host, tmp_path: Path) -> None:
        def work(number: int) -> bool:
            path = str(tmp_path / str(number))
            host.write(path, b"%d" % number)
            return host.run(["cat", path]).out == str(number) and host.read(path) == b"%d" % number

        assert all(at_once(50, work))

    def test_it_can_be_sent_to_another_process(self, host: Host) -> None:
        host.home()
        program = "import pickle, sys; print(pickle.load(sys.stdin.buffer).run(['echo', 'hello']).out)"
        done = subprocess.run(
            [sys.executable, "-c", program], input=pickle.dumps(host), stdout=subprocess.PIPE, check=True
        )
        assert done.stdout.strip() == b"hello"

    @pytest.mark.parametrize("size", [0, 1, 100_000, 9_000_000])
    def test_a_file_is_read_and_streamed_as_it_is(self, host: Host, tmp_path: Path, size: int) -> None:
        content = os.urandom(size)
        (tmp_path / "file").write_bytes(content)
        assert host.read(str(tmp_path / "file")) == content
        assert b"".join(host.stream(str(tmp_path / "file"))) == content

    def test_nothing_is_no_file(self, host: Host, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        for path in (str(tmp_path / "none"), str(tmp_path / "file/below"), str(tmp_path / "no/where")):
            assert host.read(path) is None
            assert host.read_link(path) is None
            with pytest.raises(FileNotFoundError):
                list(host.stream(path))

    def test_a_directory_is_no_file(self, host: Host, tmp_path: Path) -> None:
        with pytest.raises(OSError, match=str(tmp_path)):
            host.read(str(tmp_path))
        with pytest.raises(OSError, match=str(tmp_path)):
            host.write(str(tmp_path), b"x")
        assert list(tmp_path.parent.glob(f".{tmp_path.name}*")) == []

    def test_a_file_is_written_with_what_is_above_it_for_this_user(self, host: Host, tmp_path: Path) -> None:
        path = tmp_path / "a" / "b" / "file"
        host.write(str(path), b"one")
        assert path.read_bytes() == b"one"
        assert [mode_of(each) for each in (path.parents[1], path.parent, path)] == [0o700, 0o700, 0o600]

    def test_a_file_is_replaced_whole(self, host: Host, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"old" * 100)
        host.write(str(path), b"new", mode=0o755)
        assert path.read_bytes() == b"new"
        assert mode_of(path) == 0o755
        assert names(tmp_path) == ["file"]

    def test_a_file_is_one_of_those_that_were_written_at_once(self, host: Host, tmp_path: Path) -> None:
        contents = [bytes([number]) * 300_000 for number in range(20)]
        at_once(20, lambda number: host.write(str(tmp_path / "file"), contents[number]))
        assert (tmp_path / "file").read_bytes() in contents
        assert names(tmp_path) == ["file"]

    def test_a_link_is_made_once(self, host: Host, tmp_path: Path) -> None:
        path = str(tmp_path / "a" / "link")
        made = at_once(20, lambda number: host.link(path, f"text {number}"))
        assert made.count(True) == 1
        assert host.read_link(path) == f"text {made.index(True)}"
        assert str(Path(path).readlink()) == f"text {made.index(True)}"

    def test_a_link_is_not_made_over_a_file(self, host: Host, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert not host.link(str(tmp_path / "file"), "text")

    @pytest.mark.parametrize("name", ODD)
    def test_any_name_and_any_text_will_do(self, host: Host, tmp_path: Path, name: str) -> None:
        path = str(tmp_path / name)
        host.write(path, b"content")
        host.link(f"{path}.link", name)
        assert name in names(tmp_path)
        assert host.read(path) == b"".join(host.stream(path)) == b"content"
        assert host.read_link(f"{path}.link") == name

    def test_a_file_is_sent_with_its_permissions(self, host: Host, tmp_path: Path) -> None:
        source, content = tmp_path / "source", os.urandom(10_000_000)
        source.write_bytes(content)
        source.chmod(0o750)
        host.send(source, str(tmp_path / "far" / "file"))
        assert (tmp_path / "far" / "file").read_bytes() == content
        assert mode_of(tmp_path / "far" / "file") == 0o750
        assert names(tmp_path / "far") == ["file"]

    def test_a_directory_is_sent_into_one_that_may_be_there(self, host: Host, tmp_path: Path) -> None:
        source, target = tmp_path / "source", tmp_path / "far" / "away"
        (source / "sub" / "empty").mkdir(parents=True)
        for number in range(20):
            (source / "sub" / str(number)).write_text(str(number))
        (source / "link").symlink_to("sub/1")
        host.send(source, str(target))
        (target / "sub" / "1").write_text("old")
        (target / "more").write_text("kept")
        host.send(source, str(target))
        assert {path.name for path in (target / "sub").iterdir()} == {*map(str, range(20)), "empty"}
        assert (target / "link").readlink() == Path("sub/1")
        assert (target / "sub" / "1").read_text() == "1"
        assert (target / "more").read_text() == "kept"

    def test_what_is_not_there_is_not_sent(self, host: Host, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            host.send(tmp_path / "none", str(tmp_path / "target"))
        assert not (tmp_path / "target").exists()

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may do all")
    def test_what_is_forbidden_says_so(self, host: Host, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        with pytest.raises(PermissionError):
            host.write(str(tmp_path / "file"), b"x")
        with pytest.raises(PermissionError):
            host.link(str(tmp_path / "link"), "x")


class TestHere(HostContract):
    @pytest.fixture
    def host(self) -> Host:
        return Here(patience=20)

    def impatient(self, host: Host) -> Host:
        return Here(patience=2)


class TestSsh(HostContract):
    @pytest.fixture
    def host(self, sshd: Sshd) -> Iterator[Host]:
        host = Ssh("host", configuration=sshd.configuration, patience=20)
        yield host
        host.close()

    def impatient(self, host: Host) -> Host:
        assert isinstance(host, Ssh)
        state = host.__getstate__()
        impatient = Ssh.__new__(Ssh)
        impatient.__dict__.update({**state, "_patience": 2})
        impatient.run(["true"])
        return impatient
