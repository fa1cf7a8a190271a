# SPDX-License-Identifier: Apache-2.0
import os
import signal
import subprocess
import sys
from pathlib import Path

from provenance.unfinished import unfinished

WRITER = """
import sys
from pathlib import Path
from provenance.unfinished import unfinished
with unfinished(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    print("ready", flush=True)
    sys.stdin.read()
"""


def others(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_a_file_is_gone_at_the_end_however_that_comes(tmp_path: Path) -> None:
    target = tmp_path / "a[1].fits"
    with unfinished(target) as file:
        file.write(b"whole")
        target.hardlink_to(file.name)
    with unfinished(target) as file:
        file.close()
        Path(file.name).replace(target)
    assert others(target) == ["a[1].fits"]


def test_what_a_kill_left_is_removed_by_the_next_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    target = tmp_path / "a[1].fits"
    (tmp_path / ".a[1].fits.deadbeef").write_text("a person's own")
    words = [sys.executable, "-c", WRITER, str(target)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        with unfinished(target):
            assert len(others(target)) == 3
        assert len(others(target)) == 2
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
    assert len(others(target)) == 2
    with unfinished(target):
        pass
    assert others(target) == [".a[1].fits.deadbeef"]
