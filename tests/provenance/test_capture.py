# SPDX-License-Identifier: Apache-2.0
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from eb_prefect.model.phase import Phase
from eb_prefect.model.steprun import StepRun
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
