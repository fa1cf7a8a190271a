# SPDX-License-Identifier: Apache-2.0
"""A file can crash its library, and not us."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from provenance.errors import NeedsExtraError, UnreadableProductError
from provenance.products.guard import guarded

READERS = "tests.provenance.products.guard_readers"


def ask(reader: str, *given: object, silence: float = 20) -> object:
    return guarded("file", f"{READERS}:{reader}", *given, extra="some", silence=silence)


def test_what_a_reader_returns_comes_back() -> None:
    assert ask("echo", [1, "é", None]) == ["file", [1, "é", None]]


def test_the_same_process_reads_the_next_file() -> None:
    assert ask("process") == ask("process") != os.getpid()


def test_a_crash_is_the_files_fault_and_the_next_file_is_read() -> None:
    with pytest.raises(UnreadableProductError, match="ended with status -11"):
        ask("crash")
    assert ask("echo", 1) == ["file", 1]


def test_a_loop_ends_after_the_silence() -> None:
    began = time.monotonic()
    with pytest.raises(UnreadableProductError, match=r"no sign of life for 0\.3 s"):
        ask("loop", silence=0.3)
    assert time.monotonic() - began < 5


def test_a_reader_that_shows_signs_of_life_may_take_its_time() -> None:
    assert ask("slow", silence=1.5) == "done"


def test_memory_is_bounded() -> None:
    with pytest.raises(UnreadableProductError, match="more memory than it may have"):
        ask("eat", 200 << 20)
    assert ask("eat", 20 << 20) == 20 << 20


def test_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(UnreadableProductError, match="File too large"):
        ask("write", str(tmp_path / "written"))


def test_a_library_that_is_not_there_is_an_extra() -> None:
    with pytest.raises(NeedsExtraError, match="needs the extra some"):
        guarded("file", "provenance.products.no_such:read", extra="some")


def test_threads_have_a_process_each() -> None:
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda number: ask("echo", number), range(40)))
    assert found == [["file", number] for number in range(40)]


def test_a_fork_has_processes_of_its_own() -> None:
    program = (
        "import os, sys\n"
        "from provenance.products.guard import guarded\n"
        f"ask = lambda n: guarded('f', '{READERS}:process', extra='x')\n"
        "mine = ask(1)\n"
        "child = os.fork()\n"
        "if not child: os._exit(int(ask(2) == mine))\n"
        "assert os.waitpid(child, 0)[1] == 0 and ask(3) == mine\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, env=paths())


def test_it_ends_when_the_one_who_asked_is_killed() -> None:
    program = (
        "from provenance.products.guard import guarded\n"
        f"print(guarded('f', '{READERS}:process', extra='x'), flush=True)\n"
        "import time; time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=paths()) as asking:
        assert asking.stdout is not None
        reader = int(asking.stdout.readline())
        asking.send_signal(signal.SIGKILL)
    until = time.monotonic() + 10
    while is_alive(reader) and time.monotonic() < until:
        time.sleep(0.02)
    assert not is_alive(reader)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def paths() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
