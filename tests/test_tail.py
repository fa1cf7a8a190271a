# SPDX-License-Identifier: Apache-2.0
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from eb_prefect.errors import BrokerUnavailableError, OutputGoneError
from eb_prefect.model.parts import Connector
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import BrokerIdentity
from eb_prefect.tail import Tail, Tails
from eb_prefect.testing.scripted import ScriptedBroker


class Files(ScriptedBroker):
    """A broker of this machine, whose streams are files."""

    read = None  # type: ignore[assignment]  # so it is not one elsewhere

    identity = BrokerIdentity(kind="embedded", name="here")


class Growing(ScriptedBroker):
    """A broker elsewhere; it counts what it sends."""

    identity = BrokerIdentity(kind="http", name="there", url="http://there")

    def __init__(self) -> None:
        super().__init__()
        self.text, self.sent, self.failing = b"", 0, 0

    def read(self, location: str) -> Iterator[bytes]:
        return self.read_from(location, 0)

    def read_from(self, location: str, offset: int) -> Iterator[bytes]:
        if self.failing:
            self.failing -= 1
            raise BrokerUnavailableError("there", "it broke off")
        if location != "stdout":
            raise OutputGoneError("there", location, "404")
        self.sent += len(self.text[offset:])
        yield self.text[offset:]


def session_of(**locations: str) -> Session:
    found = tuple(
        Connector(kind=f"urn:eb-prefect:connector/{name}", location=at) for name, at in locations.items()
    )
    return Session(uuid="one", phase="RUNNING", connectors=found)


def tail_of(broker: ScriptedBroker, session: Session, most: int = 100) -> tuple[Tail, list[str]]:
    said: list[str] = []
    tail = Tail(
        broker, session, lambda name, line: said.append(f"{name} {line}"), lambda: said.append("full"), most
    )
    return tail, said


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_file_is_read_on_from_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "stdout").write_text("one\ntw")
    (tmp_path / "stderr").write_text("wrong\n")
    tail, said = tail_of(
        Files(), session_of(stdout=(tmp_path / "stdout").as_uri(), stderr=(tmp_path / "stderr").as_uri())
    )
    tail.look()
    with (tmp_path / "stdout").open("a") as file:
        file.write("o\nlast")
    tail.look()
    assert said == ["stdout one", "stderr wrong", "stdout two"]
    tail.look(is_last=True)
    assert said[3:] == ["stdout last"]


def test_a_broker_elsewhere_sends_nothing_twice() -> None:
    broker = Growing()
    tail, said = tail_of(broker, session_of(stdout="stdout", stderr="none"))
    for n in range(5):
        broker.text += b"line %d\n" % n
        broker.failing = n % 2
        tail.look()
        tail.look()
    assert broker.sent == len(broker.text)
    assert said == [f"stdout line {n}" for n in range(5)]


def test_no_more_lines_are_read_than_may_be_said() -> None:
    broker = Growing()
    broker.text = b"x\n\n" * 50
    tail, said = tail_of(broker, session_of(stdout="stdout"), most=3)
    for _ in range(3):
        tail.look()
    tail.look(is_last=True)
    assert said == ["stdout x"] * 3 + ["full"]
    assert broker.sent == len(broker.text)


def test_one_thread_reads_for_all_and_ends_with_them() -> None:
    broker, tails = Growing(), Tails()
    broker.text = b"x\n"
    both = [tail_of(broker, session_of(stdout="stdout")) for _ in range(50)]
    for tail, _ in both:
        tails.put(tail)
    until(lambda: all(said == ["stdout x"] for _, said in both))
    assert sum(thread.name == "eb-output" for thread in threading.enumerate()) == 1
    broker.text = b"x\ny"
    for done in [tails.read_now(tail, is_last=True) for tail, _ in both]:
        done.result(timeout=30)
    assert all(said == ["stdout x", "stdout y"] for _, said in both)
    until(lambda: not any(thread.name == "eb-output" for thread in threading.enumerate()))


def test_where_the_streams_are_may_be_told_late() -> None:
    class Late(Growing):
        def session(self, session: str) -> Session:
            return session_of(stdout="stdout")

    broker = Late()
    broker.text = b"x\n"
    tail, said = tail_of(broker, session_of())
    tail.look()
    assert said == ["stdout x"]
