# SPDX-License-Identifier: Apache-2.0
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from eb_prefect.model.parts import Checksum
from eb_prefect.model.phase import Phase
from eb_prefect.model.steprun import BrokerIdentity, StepRun
from eb_prefect.outputs import fetched
from provenance.capture import capture
from provenance.errors import ProductExistsError
from provenance.products.extract import extract
from provenance.products.found import Binding, Rung
from provenance.store import Store

RunOf = Callable[..., StepRun]


def test_a_captured_product_carries_the_record_that_the_store_has(
    run_of: RunOf, store: Store, product: Path
) -> None:
    captured = capture(run_of(product), store)
    found = extract(product)
    assert found.binding is Binding.BOUND
    assert store.find(found.digest) == captured.record
    assert found.text == captured.record.text


def test_capturing_twice_makes_one_record_and_attaches_once(
    run_of: RunOf, store: Store, image: Path, tmp_path: Path
) -> None:
    run = run_of(image)
    first = capture(run, store, into=tmp_path / "kept")
    before = first.products[0].read_bytes()
    second = capture(run, store, into=tmp_path / "kept")
    assert second.record == first.record
    assert first.products[0].read_bytes() == before
    assert len(store.history()) == 1


def test_capturing_twice_in_place_attaches_once(run_of: RunOf, store: Store, image: Path) -> None:
    run = run_of(image)
    capture(run, store)
    before = image.read_bytes()
    capture(run, store)
    assert image.read_bytes() == before


def test_a_copied_product_leaves_the_sessions_file_alone(
    run_of: RunOf, store: Store, image: Path, tmp_path: Path
) -> None:
    before = image.read_bytes()
    captured = capture(run_of(image), store, into=tmp_path / "kept")
    assert image.read_bytes() == before
    assert captured.products == (tmp_path / "kept" / "image.fits",)
    assert list((tmp_path / "kept").iterdir()) == [tmp_path / "kept" / "image.fits"]


def test_a_file_in_the_way_is_left_alone_and_the_step_recorded_where_its_products_are(
    run_of: RunOf, store: Store, image: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "image.fits").write_text("mine")
    note = tmp_path / "note.txt"
    note.write_text("made too")
    with pytest.raises(ProductExistsError, match=r"image\.fits") as raised:
        capture(run_of(note, image), store, into=kept)
    assert list(kept.iterdir()) == [kept / "image.fits"]
    assert (kept / "image.fits").read_text() == "mine"
    assert set(raised.value.kept) == {str(note), str(image)}
    (entry,) = store.history()
    assert extract(image).digest == extract(note).digest == entry.digest


def test_a_foreign_file_under_the_sidecars_name_is_in_the_way_too(
    run_of: RunOf, store: Store, tmp_path: Path
) -> None:
    note = tmp_path / "note.txt"
    note.write_text("made")
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "note.txt.prov.json").write_text("{}")
    with pytest.raises(ProductExistsError, match=r"note\.txt\.prov\.json"):
        capture(run_of(note), store, into=kept)


def test_a_capture_that_was_killed_between_copy_and_sidecar_is_finished_by_the_next(
    run_of: RunOf, store: Store, tmp_path: Path
) -> None:
    note = tmp_path / "note.txt"
    note.write_text("made")
    run = run_of(note)
    captured = capture(run, store, into=tmp_path / "kept")
    (tmp_path / "kept" / "note.txt.prov.json").unlink()
    capture(run, store, into=tmp_path / "kept")
    assert extract(captured.products[0]).digest == captured.record.digest


def test_products_of_the_same_name_from_two_volumes_are_both_kept(
    run_of: RunOf, store: Store, image: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "image.fits").write_bytes(b"something else")
    run = run_of(image, other / "image.fits")
    one, two = run.session.products
    products = (one, two.model_copy(update={"volume": "/more"}))
    run = run.model_copy(update={"session": run.session.model_copy(update={"products": products})})
    captured = capture(run, store, into=tmp_path / "kept")
    assert [path.relative_to(tmp_path / "kept") for path in captured.products] == [
        Path("out/image.fits"),
        Path("more/image.fits"),
    ]


@pytest.mark.parametrize("phase", [Phase.FAILED, Phase.CANCELLED])
def test_a_step_that_did_not_complete_is_recorded_too(run_of: RunOf, store: Store, phase: Phase) -> None:
    captured = capture(run_of(phase=phase), store)
    assert captured.products == ()
    assert store.history()[0].phase == phase


def test_a_product_out_of_reach_is_recorded_as_not_known(run_of: RunOf, store: Store, tmp_path: Path) -> None:
    captured = capture(run_of(tmp_path / "gone.fits"), store)
    assert captured.record.missing == ("products[gone.fits].content",)
    assert captured.products == ()


def test_the_maker_of_an_input_is_told_by_the_store(
    run_of: RunOf, store: Store, image: Path, tmp_path: Path
) -> None:
    first = capture(run_of(image), store)
    digest = _sha256(image)
    second = capture(run_of(location="https://elsewhere.test/image.fits", checksum=digest), store)
    maker = second.record.inputs[0].made_by
    assert maker is not None
    assert maker.record == first.record.digest
    lineage = store.ancestors(second.record.digest)
    assert {entry.digest for entry in lineage.records} == {first.record.digest, second.record.digest}


def test_the_maker_of_an_input_is_told_by_the_file_itself(
    run_of: RunOf, store: Store, image: Path, tmp_path: Path
) -> None:
    first = capture(run_of(image), store)
    elsewhere = type(store)(tmp_path / "elsewhere" / "records.db")
    second = capture(run_of(location=image.as_uri()), elsewhere)
    maker = second.record.inputs[0].made_by
    assert maker is not None
    assert maker.record == first.record.digest
    assert elsewhere.ancestors(second.record.digest).unknown == (first.record.digest,)


def test_a_file_that_holds_an_inputs_record_gets_its_own_which_wins(
    run_of: RunOf, store: Store, image: Path
) -> None:
    first = capture(run_of(image), store)
    second = capture(run_of(image), store)
    found = extract(image)
    assert first.record.digest != found.digest == second.record.digest
    assert found.binding is Binding.BOUND
    assert found.rung is Rung.EMBEDDED
    assert first.record.products[0].content == second.record.products[0].content


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_a_broker_elsewhere_calls_a_file_is_none_of_this_machine(
    run_of: RunOf, store: Store, image: Path, tmp_path: Path
) -> None:
    there = BrokerIdentity(kind="http", name="there", url="https://there")
    before = image.read_bytes()
    captured = capture(run_of(image).model_copy(update={"broker": there}), store, into=tmp_path / "kept")
    assert captured.products == ()
    assert image.read_bytes() == before
    assert captured.record.missing == ("products[image.fits].content",)


def test_a_product_that_was_fetched_is_delivered_and_nothing_else_of_it_stays(
    run_of: RunOf, store: Store, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EB_HOME", str(tmp_path / "home"))
    there = BrokerIdentity(kind="http", name="there", url="https://there")
    run = run_of(image).model_copy(update={"broker": there})
    folder = fetched(tmp_path / "home" / "fetched", run)
    folder.mkdir(parents=True)
    copy, elsewhere = folder / "some.fits", tmp_path / "elsewhere.fits"
    (folder / ".half").write_text("of one that was killed")
    for path in (copy, elsewhere):
        path.write_bytes(image.read_bytes())
    for path in (copy, elsewhere):
        run = run.model_copy(update={"copies": {image.as_uri(): path}})
        captured = capture(run, store, into=tmp_path / "kept")
        assert extract(tmp_path / "kept" / "image.fits").binding is Binding.BOUND
        assert captured.record.products[0].checksum is not None
    assert not folder.exists()
    assert elsewhere.exists()


def test_what_is_too_large_has_the_checksum_that_was_told(
    image: Path, run_of: RunOf, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EB_DIGEST_GIB", "0")
    run = run_of(image)
    told = run.session.products[0].model_copy(update={"checksum": Checksum(type="adler32", value="1b2c")})
    run = run.model_copy(update={"session": run.session.model_copy(update={"products": (told,)})})
    captured = capture(run, store, into=tmp_path / "out")
    assert captured.record.products[0].content is None
    found = extract(captured.products[0])
    assert found.binding is Binding.UNCHECKED
    assert "adler32 1b2c" in found.parts[0].reason
    assert capture(run, store, into=tmp_path / "out").record == captured.record


def test_the_digest_of_any_other_file_is_the_one_its_broker_took(
    run_of: RunOf, store: Store, tmp_path: Path
) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("as the program left it")
    digest = hashlib.sha256(text.read_bytes()).hexdigest()
    run = run_of(text)
    told = {"checksum": Checksum(type="sha-256", value=digest), "size": text.stat().st_size}
    product = run.session.products[0].model_copy(update=told)
    run = run.model_copy(update={"session": run.session.model_copy(update={"products": (product,)})})
    text.write_text("changed right after it")
    capture(run, store)
    assert extract(text).binding is Binding.TAMPERED
