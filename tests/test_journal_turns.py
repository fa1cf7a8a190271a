# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from eb_prefect.journal_turns import turns_in

FILES = Path("/proc/self/fd")
HOLD = """
import sys
from pathlib import Path
from eb_prefect.journal_turns import turns_in
with turns_in(Path(sys.argv[1])).held(7) as is_held:
    print(is_held, flush=True)
    sys.stdin.read()
"""


def held(directory: Path, number: int) -> bool:
    with turns_in(directory).held(number) as is_held:
        return is_held


def holder(directory: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", HOLD, str(directory)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_number_is_held_once_in_a_process_and_given_back(tmp_path: Path) -> None:
    with turns_in(tmp_path).held(7) as is_held:
        assert is_held
        assert not held(tmp_path, 7)
        assert held(tmp_path, 8)
        assert held(tmp_path / "elsewhere", 7)
    assert held(tmp_path, 7)


def test_another_process_holds_it_until_it_is_killed(tmp_path: Path) -> None:
    with holder(tmp_path) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert not held(tmp_path, 7)
        assert held(tmp_path, 8)
        other.kill()
        other.wait()
        assert held(tmp_path, 7)


def test_one_that_asked_in_vain_takes_nothing_away(tmp_path: Path) -> None:
    with turns_in(tmp_path).held(7), holder(tmp_path) as other:
        assert other.communicate("")[0] == "False\n"
        with holder(tmp_path) as third:
            assert third.communicate("")[0] == "False\n"


def test_thousands_are_held_with_one_open_file(tmp_path: Path) -> None:
    turns_in(tmp_path)
    before = len(list(FILES.iterdir()))
    with ExitStack() as all_of_them:
        assert all(all_of_them.enter_context(turns_in(tmp_path).held(2**59 + n)) for n in range(5_000))
        assert len(list(FILES.iterdir())) <= before  # others may be closed meanwhile
