# SPDX-License-Identifier: Apache-2.0
import tracemalloc
from pathlib import Path

from eb_prefect.model.executable import DockerContainer, Image, JupyterNotebook, Program
from eb_prefect.model.steprun import BrokerIdentity
from eb_prefect.pace import LOCAL
from eb_prefect.watching.durations import Durations, Habit, likeness

HERE = BrokerIdentity(kind="http", name="here", url="http://here")


def waits(folder: Path | None, like: str = "one") -> float:
    return Habit(Durations(folder), like, LOCAL).wait("RUNNING", 1.0)


def test_a_later_process_knows_what_was_seen(tmp_path: Path) -> None:
    learning = Durations(tmp_path / "durations")
    for _ in range(5):
        learning.note("one", "RUNNING", 600.0)
    assert waits(tmp_path / "durations") > 20 * waits(None)


def test_what_is_unlike_is_not_mixed_up(tmp_path: Path) -> None:
    learning = Durations(tmp_path)
    for _ in range(5):
        learning.note("one", "RUNNING", 600.0)
        learning.note("two", "PREPARING", 600.0)
    assert waits(tmp_path, "two") == waits(tmp_path, "three") == waits(None)


def test_the_file_stays_small_and_keeps_the_newest(tmp_path: Path) -> None:
    learning = Durations(tmp_path)
    for n in range(5000):
        learning.note("one", "RUNNING", 1.0 if n < 4500 else 600.0)
    assert (tmp_path / "one").stat().st_size < 20_000
    assert waits(tmp_path) > 20 * waits(None)


def test_a_damaged_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"RUNNING 600.000\n\xff\xfe\nRUNNING\nRUNNING nan\nRUNNING -3\nRUNN")
    assert waits(tmp_path) > waits(None)


def test_a_full_or_missing_disk_ends_no_watching(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    learning = Durations(tmp_path / "file" / "below")
    learning.note("one", "RUNNING", 600.0)
    assert Habit(learning, "one", LOCAL).wait("RUNNING", 1.0) > waits(None)


def test_sessions_are_alike_whatever_their_parameters() -> None:
    first = Program(command=("sort", "/a", "--reverse"), environment={"N": "1"})
    second = Program(command=("sort", "/a", "--unique"), environment={"N": "2"})
    assert likeness(HERE, "sort", first) == likeness(HERE, "sort", second)


def test_sessions_differ_by_broker_step_and_what_they_run() -> None:
    image = DockerContainer(image=Image(locations=("a",), digest="sha256:1"))
    kinds = [None, image, JupyterNotebook(location="http://n"), Program(command=("a", "b"))]
    names = {likeness(HERE, "step", kind) for kind in kinds}
    names |= {likeness(HERE, "other", image), likeness(HERE.model_copy(update={"url": "x"}), "step", image)}
    assert len(names) == 6


def test_steps_that_differ_in_a_number_are_alike() -> None:
    program = Program(command=("sort", "/a"))
    assert likeness(HERE, "cutout 17 of 20", program) == likeness(HERE, "cutout 3 of 20", program)
    assert likeness(HERE, "cutout 17", program) != likeness(HERE, "mosaic 17", program)


def test_a_history_that_can_not_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    assert waits(tmp_path) == waits(None)


def test_a_phase_that_nobody_knows_is_not_noted(tmp_path: Path) -> None:
    Durations(tmp_path).note("one", "PHASE 1\nRUNNING", 600.0)
    assert not list(tmp_path.iterdir())


def test_a_process_that_sees_ever_other_sessions_keeps_its_memory() -> None:
    learning = Durations()
    tracemalloc.start()
    for n in range(3000):
        for phase in ("ACCEPTED", "PREPARING", "RUNNING"):
            learning.forecast(str(n), phase, LOCAL.price)
            learning.note(str(n), phase, 1.0)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 10 << 20


def test_what_a_phase_usually_takes_is_the_median_of_what_was_seen(tmp_path: Path) -> None:
    durations = Durations(tmp_path)
    assert durations.usual("one", "RUNNING") is None
    for seconds in (700.0, 720.0, 9000.0):
        durations.note("one", "RUNNING", seconds)
    assert durations.usual("one", "RUNNING") == 720.0
    assert Durations(tmp_path).usual("one", "RUNNING") == 720.0
    assert durations.usual("one", "WAITING") is None
    assert durations.usual("two", "RUNNING") is None
