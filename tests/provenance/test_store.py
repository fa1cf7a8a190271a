# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from eb_prefect.model.phase import Phase
from eb_prefect.model.steprun import StepRun
from provenance.canonical import ni
from provenance.entries import Step, Wanted
from provenance.errors import UnknownRecordError
from provenance.parts import Input, Link, Maker, ProductEntry
from provenance.record import StepRecord, make_record
from provenance.store import Store
from tests.postgres import Postgres

RunOf = Callable[..., StepRun]
WRITE = """
import sys
from pathlib import Path
from uuid import uuid4
from eb_prefect.model.steprun import StepRun
from provenance.record import make_record
from provenance.store import Store

run, store = StepRun.model_validate_json(Path(sys.argv[1]).read_text()), Store()
for _ in range(25):
    session = run.session.model_copy(update={"uuid": str(uuid4())})
    store.add(make_record(run.model_copy(update={"session": session})))
"""
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(params=["file", "server"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store of each kind, without records."""
    if request.param == "file":
        yield Store(tmp_path / "state" / "records.db")
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    made = Store(postgres.url(uuid4().hex))
    yield made
    made.close()


def product(content: bytes) -> ProductEntry:
    return ProductEntry(name="out.fits", path="out.fits", content=ni(content))


def after(record: StepRecord) -> tuple[Input, ...]:
    return (Input(name="image", made_by=Maker(record=record.digest, product="out.fits")),)


def test_a_record_comes_back_as_it_was(store: Store, run_of: RunOf) -> None:
    record = make_record(run_of(), products=(product(b"1"),))
    assert store.add(record)
    assert store.find(record.digest) == record
    assert Store(store.place).find(record.digest).text == record.text


def test_adding_twice_changes_nothing(store: Store, run_of: RunOf) -> None:
    record = make_record(run_of())
    assert (store.add(record), store.add(record)) == (True, False)
    assert len(store.history()) == 1


def test_a_record_that_is_not_there_is_an_error(store: Store) -> None:
    with pytest.raises(UnknownRecordError, match="ni:///"):
        store.find(ni(b"nothing"))
    with pytest.raises(UnknownRecordError):
        store.ancestors(ni(b"nothing"))


def test_the_session_leads_to_its_record(store: Store, run_of: RunOf) -> None:
    record = make_record(run_of())
    store.add(record)
    assert store.of_session("this machine", record.session.uuid) == record
    assert store.of_session("another", record.session.uuid) is None


def test_content_and_whole_file_lead_to_who_made_them_the_latest_first(store: Store, run_of: RunOf) -> None:
    old, new = (
        make_record(run_of(at=NOON + timedelta(hours=n)), products=(product(b"same"),)) for n in range(2)
    )
    store.add(new)
    store.add(old)
    store.located(old.digest, {"out.fits": (Path("/data/out.fits"), ni(b"whole file"))})
    assert [maker.record for maker in store.by_content(ni(b"same"))] == [new.digest, old.digest]
    assert store.by_content(ni(b"whole file")) == (Maker(record=old.digest, product="out.fits"),)
    assert store.by_content(ni(b"other")) == ()


def test_history_is_newest_first_and_can_be_asked_for_less(store: Store, run_of: RunOf) -> None:
    for n, phase in enumerate([Phase.COMPLETED, Phase.FAILED, Phase.COMPLETED]):
        at = NOON + timedelta(milliseconds=500 * n)
        store.add(make_record(run_of(at=at, phase=phase, environment={"SIGMA": str(n)})))
    times = [entry.made for entry in store.history()]
    assert times == sorted(times, reverse=True)
    assert [entry.phase for entry in store.history(Wanted(phase="FAILED"))] == ["FAILED"]
    assert len(store.history(Wanted(settings={"executable.environment.SIGMA": "2"}))) == 1
    assert len(store.history(Wanted(since=NOON + timedelta(seconds=3.5)))) == 2
    assert len(store.history(Wanted(until=NOON + timedelta(seconds=3.5)))) == 1
    assert store.history(Wanted(name="other")) == ()
    assert len(store.history(limit=2)) == 2


def test_lineage_runs_both_ways_and_visits_each_once(store: Store, run_of: RunOf) -> None:
    first = make_record(run_of(), products=(product(b"1"),))
    left, right = (
        make_record(run_of(), products=(product(side),), inputs=after(first)) for side in (b"l", b"r")
    )
    both = (Input(name="a", made_by=Maker(record=left.digest, product="out.fits")),
            Input(name="b", made_by=Maker(record=right.digest, product="out.fits")))  # fmt: skip
    last = make_record(run_of(), inputs=both)
    for record in (last, right, left, first):
        store.add(record)
    up = store.ancestors(last.digest)
    assert {entry.digest for entry in up.records} == {first.digest, left.digest, right.digest, last.digest}
    assert len(up.records) == 4
    assert Step(last.digest, left.digest, "used") in up.steps
    assert len(up.steps) == 4
    assert store.descendants(first.digest).steps
    assert {entry.digest for entry in store.descendants(left.digest).records} == {left.digest, last.digest}


def test_a_deep_chain_is_walked_in_no_time(store: Store, run_of: RunOf) -> None:
    record = make_record(run_of(), products=(product(b"0"),))
    store.add(record)
    for _ in range(60):
        record = make_record(run_of(), products=(product(b"n"),), inputs=after(record))
        store.add(record)
    assert len(store.ancestors(record.digest).records) == 61


def test_a_file_known_by_its_digest_alone_links_its_reader_to_its_maker(store: Store, run_of: RunOf) -> None:
    read = Input.model_validate({"name": "image", "checksum": {"type": "sha-256", "value": "ab" * 32}})
    reader = make_record(run_of(), inputs=(read,))
    maker = make_record(run_of(), products=(product(b"1"),))
    store.add(reader)
    store.add(maker)
    assert read.file is not None
    store.located(maker.digest, {"out.fits": (Path("/x"), read.file)})
    assert store.ancestors(reader.digest).steps == (Step(reader.digest, maker.digest, "used"),)


def test_a_rerun_is_linked_to_what_it_repeats_even_where_that_is_unknown(store: Store, run_of: RunOf) -> None:
    old = make_record(run_of())
    again = make_record(run_of(), based_on=Link(record=old.digest, verb="repeat"))
    store.add(again)
    assert store.ancestors(again.digest).unknown == (old.digest,)
    store.add(old)
    assert store.ancestors(again.digest).unknown == ()
    assert store.ancestors(again.digest).steps == (Step(again.digest, old.digest, "based_on"),)


def test_digests_of_secrets_stay_in_the_store(store: Store, run_of: RunOf) -> None:
    record = make_record(run_of())
    store.add(record, taken_out={"/request/x": ni(b"secret")})
    assert store.taken_out(record.digest) == {"/request/x": ni(b"secret")}


def test_many_processes_write_at_once_and_nothing_is_lost(
    store: Store, tmp_path: Path, run_of: RunOf
) -> None:
    run = tmp_path / "run.json"
    run.write_text(run_of().model_dump_json())
    own = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "EB_STORE": str(store.place)}
    writers = [subprocess.Popen([sys.executable, "-c", WRITE, run], env=own) for _ in range(6)]
    assert [writer.wait(timeout=100) for writer in writers] == [0] * 6
    assert len(store.history(limit=1000)) == 150


def test_one_signature_a_key_is_kept(store: Store, run_of: RunOf) -> None:
    record = make_record(run_of())
    with pytest.raises(UnknownRecordError):
        store.sign(record.digest, "SHA256:x", "text")
    store.add(record)
    for key, text in (("SHA256:x", "first"), ("SHA256:x", "second"), ("SHA256:a", "other")):
        store.sign(record.digest, key, text)
    assert store.signatures(record.digest) == ("other", "first")
