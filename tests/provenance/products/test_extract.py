# SPDX-License-Identifier: Apache-2.0
import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from eb_prefect.model.steprun import StepRun
from provenance.canonical import canonical, ni
from provenance.capture import capture
from provenance.errors import MalformedRecordError, NoRecordError, ProvenanceError, UnreadableProductError
from provenance.products.extract import extract
from provenance.products.found import Binding, Rung
from provenance.products.sidecar import sidecar
from provenance.store import Store

RunOf = Callable[..., StepRun]


@pytest.fixture
def captured(run_of: RunOf, store: Store, product: Path) -> Path:
    capture(run_of(product), store)
    return product


@pytest.fixture
def note(run_of: RunOf, store: Store, tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_text("made")
    capture(run_of(path), store)
    return path


def test_a_copy_alone_tells_everything(captured: Path, store: Store, tmp_path: Path) -> None:
    alone = tmp_path / "elsewhere" / "renamed.fits"
    alone.parent.mkdir()
    shutil.copyfile(captured, alone)
    found = extract(alone)
    assert (found.binding, found.rung) == (Binding.BOUND, Rung.EMBEDDED)
    assert found.text == store.find(found.digest).text
    assert found.product is not None
    assert found.product["name"] == captured.name


def test_any_other_file_has_its_record_beside_it(note: Path) -> None:
    found = extract(note)
    assert (found.binding, found.rung, found.place) == (Binding.BOUND, Rung.SIDECAR, f"{note}.prov.json")


def test_another_files_change_is_not_this_ones(note: Path) -> None:
    note.write_text("changed")
    assert extract(note).binding is Binding.TAMPERED


def test_a_changed_pixel_is_seen_in_its_part_only(captured: Path) -> None:
    with fits.open(captured) as hdus:
        at = next(hdu for hdu in hdus if hdu.fileinfo()["datSpan"] and hdu.name != "PROVENANCE")
        place, name = at.fileinfo()["datLoc"], at.name
    with captured.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)
        file.seek(place)
        file.write(bytes([byte[0] ^ 1]))
    states = {part.name: part.binding for part in extract(captured).parts}
    changed = [part for part, binding in states.items() if binding is Binding.TAMPERED]
    assert len(changed) == 1
    assert changed[0].startswith(name or "#1")
    assert set(states.values()) - {Binding.TAMPERED} <= {Binding.BOUND}


def test_an_edited_header_makes_its_part_stale(captured: Path) -> None:
    fits.setval(captured, "OBJECT", value="M31")
    found = extract(captured)
    assert found.binding is Binding.STALE
    assert [part.name for part in found.parts if part.binding is Binding.STALE] == ["PRIMARY"]


def test_an_hdu_more_is_stale_and_one_less_is_tampered(captured: Path, tmp_path: Path) -> None:
    fits.append(captured, np.ones(3), fits.Header({"EXTNAME": "MORE"}))
    assert extract(captured).binding is Binding.STALE
    with fits.open(captured) as hdus:
        if len(hdus) > 3:
            del hdus[1]
            hdus.writeto(tmp_path / "less.fits")
            assert extract(tmp_path / "less.fits").binding is Binding.TAMPERED


def test_a_rewrite_by_astropy_keeps_the_record_and_the_binding(
    image: Path, run_of: RunOf, store: Store
) -> None:
    capture(run_of(image), store)
    with fits.open(image) as hdus:
        hdus.writeto(image.with_name("again.fits"), checksum=True)
    assert extract(image.with_name("again.fits")).binding is Binding.BOUND


def test_pixels_written_anew_under_the_old_header_only_point_to_the_record(
    image: Path, run_of: RunOf, store: Store
) -> None:
    record = capture(run_of(image), store).record
    data, header = fits.getdata(image, header=True)
    fits.writeto(image.with_name("double.fits"), data * 2, header)
    with pytest.raises(NoRecordError) as told:
        extract(image.with_name("double.fits"))
    assert told.value.pointer == record.digest


def test_a_compressed_product_that_is_no_fits_has_a_sidecar(
    tmp_path: Path, run_of: RunOf, store: Store
) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(b"1,2,3"))
    before = path.read_bytes()
    attached = capture(run_of(path), store).attached[0]
    assert attached.rung is Rung.SIDECAR
    assert path.read_bytes() == before
    assert extract(path).binding is Binding.BOUND


def test_a_record_too_long_for_a_file_goes_beside_it(image: Path, run_of: RunOf, store: Store) -> None:
    run = run_of(image, environment={f"V{n}": "x" * 900 for n in range(90)})
    attached = capture(run, store).attached[0]
    assert attached.rung is Rung.SIDECAR
    assert "may have 65536 inside a file" in attached.note
    found = extract(image)
    assert (found.rung, found.binding) == (Rung.SIDECAR, Binding.BOUND)


def test_a_products_own_sidecar_is_truer_than_an_inputs_record_inside(
    image: Path, run_of: RunOf, store: Store
) -> None:
    capture(run_of(image), store)
    with fits.open(image, mode="update") as hdus:
        hdus[0].data[0, 0] = 99
    record = capture(run_of(image, environment={f"V{n}": "x" * 900 for n in range(90)}), store).record
    assert (extract(image).digest, extract(image).binding) == (record.digest, Binding.BOUND)


def test_unchecked_is_said_where_nobody_looked(captured: Path) -> None:
    found = extract(captured, check=False)
    assert found.binding is Binding.UNCHECKED
    assert len(found.parts) == len(extract(captured).parts)


def _forged(note: Path, change: Callable[[dict[str, object]], object], *, name: bool = False) -> None:
    prov = json.loads(sidecar(note).read_text())
    (old,) = [key for key, one in prov["entity"].items() if "prov:value" in one]
    record = json.loads(prov["entity"][old]["prov:value"])
    change(record)
    text = canonical(record).decode()
    entity = prov["entity"].pop(old) | {"prov:value": text}
    prov["entity"]["sha:" + ni(text.encode()).removeprefix("ni:///sha-256;") if name else old] = entity
    sidecar(note).write_text(json.dumps(prov))


def test_a_record_whose_text_was_changed_is_not_the_one_it_names(note: Path) -> None:
    _forged(note, lambda record: record.update(name="other"))
    found = extract(note)
    assert found.binding is Binding.TAMPERED
    assert any("its digest should be" in fault.reason for fault in found.faults)


def test_a_record_that_is_not_canonical_is_told(note: Path) -> None:
    prov = json.loads(sidecar(note).read_text())
    (entity,) = [one for one in prov["entity"].values() if "prov:value" in one]
    entity["prov:value"] = entity["prov:value"].replace('":', '": ', 1)
    sidecar(note).write_text(json.dumps(prov))
    assert any("not canonical" in fault.reason for fault in extract(note).faults)


def test_a_header_that_names_another_record_is_told(image: Path, run_of: RunOf, store: Store) -> None:
    capture(run_of(image), store)
    other = ni(b"other")
    fits.setval(image, "EBPROVID", value=other)
    assert extract(image).binding is Binding.STALE
    fits.setval(image, "EBPROVID", value=other, ext=1)
    assert extract(image).binding is Binding.TAMPERED


def test_a_document_with_other_prefixes_is_read_too(note: Path) -> None:
    prov = json.loads(sidecar(note).read_text())
    text = json.dumps(prov).replace("eb:", "zz:").replace('"eb"', '"zz"')
    sidecar(note).write_text(text)
    found = extract(note)
    assert found.record["schema_version"] == "urn:eb-prefect:record:1"


@pytest.mark.parametrize(
    "document",
    ["", "{", "[]", "{}", "null", '{"entity": []}', '{"entity": {"a": 3}}', '{"prefix": 3}',
     "[" * 100_000, '{"a":' * 100_000,
     '{"entity":{"x":{"prov:type":{"$":"https://www.purl.org/ivoa.net/EB/prov#SessionRecord"},"prov:value":"[]"}}}',
     '{"entity":{"x":{"prov:type":{"$":"https://www.purl.org/ivoa.net/EB/prov#SessionRecord"},"prov:value":"{\\"products\\":3}"}}}',
     '{"entity":{"x":{"prov:type":{"$":"https://www.purl.org/ivoa.net/EB/prov#SessionRecord"},"prov:value":"{\\"a\\":1e999}"}}}',
     '{"entity":{"x":{"prov:value":' + "9" * 5000 + "}}}"],
)  # fmt: skip
def test_a_sidecar_that_holds_no_record_is_malformed(tmp_path: Path, document: str) -> None:
    path = tmp_path / "x.txt"
    path.write_text("x")
    sidecar(path).write_text(document)
    with pytest.raises(MalformedRecordError):
        extract(path)


def test_what_is_not_there_or_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableProductError, match="No such file"):
        extract(tmp_path / "none.fits")
    with pytest.raises(NoRecordError):
        extract(tmp_path)


CARD = "{:<8}= {:>20}".format


def _header(*cards: tuple[str, object]) -> bytes:
    text = "".join(CARD(name, value).ljust(80) for name, value in (("SIMPLE", "T"), *cards)) + "END".ljust(80)
    return text.ljust(-(-len(text) // 2880) * 2880).encode()


@pytest.mark.parametrize(
    "content",
    [
        _header(),
        _header(("BITPIX", 7), ("NAXIS", 0)),
        _header(("BITPIX", 8), ("NAXIS", -1)),
        _header(("BITPIX", 8), ("NAXIS", 99999999)),
        _header(("BITPIX", 8), ("NAXIS", 1), ("NAXIS1", 10**18)),
        _header(("BITPIX", 8), ("NAXIS", 1), ("NAXIS1", "9" * 60)),
        _header(("BITPIX", 64), ("NAXIS", 999), *((f"NAXIS{n}", 10**17) for n in range(1, 1000))),
        _header(("BITPIX", 8), ("NAXIS", 1), ("NAXIS1", -5)),
        _header(("BITPIX", 8), ("NAXIS", 1), ("NAXIS1", "'a'")),
        _header(("BITPIX", 8), ("NAXIS", "T")),
        b"SIMPLE  =",
        b"SIMPLE  =" + b" " * 10_000,
        b"SIMPLE  =" + b"\0" * (5 << 20),
    ],
)  # fmt: skip
def test_a_header_that_makes_no_sense_is_unreadable(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "hostile.fits"
    path.write_bytes(content)
    with pytest.raises(UnreadableProductError):
        extract(path)


def test_more_hdus_than_anyone_has_are_not_followed(tmp_path: Path) -> None:
    empty = b"".join(
        CARD(*card).ljust(80).encode() for card in (("XTENSION", "'IMAGE   '"), ("BITPIX", 8), ("NAXIS", 0))
    )
    path = tmp_path / "many.fits"
    path.write_bytes(_header(("BITPIX", 8), ("NAXIS", 0)) + (empty + b"END").ljust(2880) * 10_001)
    with pytest.raises(UnreadableProductError, match="more than 10000 HDUs"):
        extract(path)


def test_a_small_file_that_expands_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.fits.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(_header(("BITPIX", 8), ("NAXIS", 1), ("NAXIS1", 2**40)))
        file.write(bytes(1 << 20))
    with pytest.raises(UnreadableProductError, match="truncated"):
        extract(path)


def test_damaged_compression_is_unreadable(captured: Path) -> None:
    path = captured.with_suffix(".fits.gz")
    packed = gzip.compress(captured.read_bytes())
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(UnreadableProductError):
        extract(path)


@pytest.mark.parametrize("packed", [False, True])
def test_a_mutated_file_gives_a_record_or_a_typed_error(captured: Path, packed: bool) -> None:
    whole = gzip.compress(captured.read_bytes()) if packed else captured.read_bytes()
    path = captured.with_name("mutated.fits.gz" if packed else "mutated.fits")
    random = np.random.default_rng(len(whole))
    for _ in range(400):
        content = bytearray(whole)
        for at in random.integers(0, len(content), random.integers(1, 6)):
            content[at] = random.integers(0, 256)
        if random.random() < 0.2:
            del content[random.integers(0, len(content)) :]
        path.write_bytes(content)
        with suppress(ProvenanceError):  # any other error is a fault of ours
            assert extract(path).digest.startswith("ni:///sha-256;")


def test_nothing_heavy_is_imported_to_extract(captured: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from provenance.products.extract import extract;"
        "print(extract(Path(sys.argv[1])).binding);"
        "print(sorted({name.partition('.')[0] for name in sys.modules}"
        " & {'astropy', 'numpy', 'pydantic', 'prov', 'prefect', 'sqlalchemy', 'eb_prefect'}))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", program, captured], capture_output=True, text=True, env=environment, check=True
    )
    assert ended.stdout.split("\n")[:2] == ["BOUND", "[]"]
