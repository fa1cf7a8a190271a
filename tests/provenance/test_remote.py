# SPDX-License-Identifier: Apache-2.0
"""Products by URL, from a real web server and from memory."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import fsspec
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from provenance.canonical import ni_of_hex
from provenance.capture import capture
from provenance.errors import CanNotAttachError, NoRecordError, ProvenanceError, UnreachableProductError
from provenance.ladder import climb
from provenance.products.extract import content_parts, extract
from provenance.products.found import Binding, Rung
from provenance.products.remote import RemoteFile, product
from provenance.products.sidecar import sidecar
from provenance.store import Store
from tests.provenance.conftest import RunOf
from tests.ranges import Files, files_served


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Files]:
    (tmp_path / "web").mkdir()
    with files_served(tmp_path / "web") as server:
        yield server


def at(url: str) -> Path:
    found = product(url)
    assert found is not None
    return found


def made(path: Path) -> None:
    table = Table({"a": [1, 2], "b": [0.5, 1.5]})
    if path.suffix == ".fits":
        fits.PrimaryHDU(np.arange(12.0)).writeto(path)
    elif path.suffix == ".asdf":
        import asdf

        asdf.AsdfFile({"data": np.arange(1000)}).write_to(path)
    elif path.suffix == ".txt":
        path.write_text("note")
    else:
        table.write(path, format={".xml": "votable", ".ecsv": "ascii.ecsv"}[path.suffix])


@pytest.fixture(params=["a.fits", "a.xml", "a.asdf", "a.ecsv", "a b%20.txt"])
def recorded(request: pytest.FixtureRequest, web: Files, run_of: RunOf, store: Store) -> Path:
    path = web.folder / request.param
    made(path)
    capture(run_of(path), store)
    return path


def test_a_product_elsewhere_is_read_as_one_here(recorded: Path, web: Files) -> None:
    here, there = (
        extract(recorded),
        extract(at(f"{web.url}/{quote(recorded.name)}")),
    )
    assert (there.digest, there.rung, there.parts) == (here.digest, here.rung, here.parts)
    assert there.binding is Binding.BOUND


def test_a_server_without_ranges_does_too(recorded: Path, web: Files) -> None:
    web.ranges = False
    found = extract(at(f"{web.url}/{quote(recorded.name)}"))
    assert found.binding is Binding.BOUND


def test_any_file_system_of_fsspec_will_do(recorded: Path) -> None:
    memory = fsspec.filesystem("memory")
    for path in (recorded, sidecar(recorded)):
        if path.exists():
            memory.pipe(f"/lake/{path.name}", path.read_bytes())
    found = extract(RemoteFile(f"memory://lake/{recorded.name}"))  # type: ignore[arg-type] # it is read like a path
    assert found.binding is Binding.BOUND


def large(path: Path, size: int) -> None:
    """Write a FITS file with that many bytes of data, none of them on disk."""
    header = fits.Header([("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 1), ("NAXIS1", size)])
    path.write_bytes(header.tostring(padding=True).encode())
    os.truncate(path, 2880 + -(-size // 2880) * 2880)


def test_of_a_gibibyte_only_headers_and_the_record_are_read(web: Files, run_of: RunOf, store: Store) -> None:
    path, small = web.folder / "large.fits", web.folder / "small.fits"
    large(small, 2880)
    record = capture(run_of(small), store).record
    from provenance.products.attach import attach

    large(path, 1 << 30)
    renamed = record.products[0].name
    attach(path, record, renamed)
    found = extract(at(f"{web.url}/large.fits"), check=False)
    assert found.digest == record.digest
    assert web.sent < 512 << 10
    assert len(web.asked) < 8


def test_more_than_a_gibibyte_is_not_fetched_to_be_checked(web: Files, run_of: RunOf, store: Store) -> None:
    from provenance.products.attach import attach

    small = web.folder / "small.fits"
    large(small, 2880)
    record = capture(run_of(small), store).record
    large(web.folder / "large.fits", (1 << 30) + 1)
    attach(web.folder / "large.fits", record, record.products[0].name)
    found = extract(at(f"{web.url}/large.fits"))
    assert found.binding is Binding.UNCHECKED
    assert "copy it here" in found.parts[0].reason
    assert web.sent < 1 << 20


def test_the_digest_is_of_the_whole_file(web: Files) -> None:
    data = np.random.default_rng(1).bytes((9 << 20) + 7)
    (web.folder / "data").write_bytes(data)
    (part,) = content_parts(at(f"{web.url}/data"))
    assert (part.data, part.size) == (ni_of_hex(hashlib.sha256(data).hexdigest()), len(data))
    assert len(web.asked) < 16


def test_the_store_knows_content_from_elsewhere(web: Files, run_of: RunOf, store: Store) -> None:
    path = web.folder / "a.txt"
    made(path)
    capture(run_of(path), store)
    sidecar(path).unlink()
    assert climb(at(f"{web.url}/a.txt"), database=store.place).rung is Rung.STORE


def test_a_file_url_is_a_path_here(tmp_path: Path) -> None:
    assert product((tmp_path / "a b").as_uri()) == tmp_path / "a b"
    assert product(str(tmp_path)) is None
    with pytest.raises(UnreachableProductError, match="another machine"):
        product("file://elsewhere/etc/passwd")


def test_no_password_and_no_query_is_ever_told(web: Files, run_of: RunOf, store: Store) -> None:
    path = web.folder / "a.fits"
    made(path)
    capture(run_of(path), store)
    place = web.url.replace("//", "//me:geheim@")
    found = extract(at(f"{place}/a.fits?X-Amz-Signature=abcdef"))
    assert found.path == f"{web.url}/a.fits?..."
    assert any(one.startswith("Basic ") for one in web.authorizations)
    for url in (
        f"{place}/b.fits?sig=abcdef",
        "http://me:geheim@127.0.0.1:9/b?sig=abcdef",
        "nope://me:geheim@x/y",
    ):
        with pytest.raises(UnreachableProductError) as told:
            extract(at(url))
        assert not {"geheim", "abcdef"} & {word for word in ("geheim", "abcdef") if word in str(told.value)}


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "check the address"),
        (403, "log in"),
        (401, "log in"),
        (500, "answered 500"),
        (410, "check the address"),
    ],
)
def test_what_can_not_be_fetched_says_what_to_do(status: int, words: str, web: Files) -> None:
    web.status["a.fits"] = status
    with pytest.raises(UnreachableProductError, match=words):
        extract(at(f"{web.url}/a.fits"))


def test_a_sidecar_that_may_not_be_read_is_none(web: Files) -> None:
    made(web.folder / "a.fits")
    web.status["a.fits.prov.json"] = 403
    with pytest.raises(NoRecordError):
        extract(at(f"{web.url}/a.fits"))


def test_no_redirect_leads_to_a_file(web: Files, tmp_path: Path) -> None:
    made(tmp_path / "secret.fits")
    web.redirects["a.fits"] = (tmp_path / "secret.fits").as_uri()
    web.redirects["b.fits"] = f"{web.url}/c.fits"
    with pytest.raises(UnreachableProductError, match="connection failed"):
        extract(at(f"{web.url}/a.fits"))
    made(web.folder / "c.fits")
    with pytest.raises(NoRecordError):
        extract(at(f"{web.url}/b.fits"))


@pytest.mark.parametrize(
    "url", ["simplecache::http://127.0.0.1:9/x", "zip://x::file:///etc/y", "local://etc/passwd"]
)
def test_no_other_way_leads_to_a_file(url: str) -> None:
    with pytest.raises(ProvenanceError):
        extract(RemoteFile(url))  # type: ignore[arg-type] # it is read like a path


def test_a_reader_of_whole_files_gets_a_copy(web: Files) -> None:
    (web.folder / "a.bin").write_bytes(b"abc")
    remote = RemoteFile(f"{web.url}/a.bin")
    name = remote.copy().name
    with remote.open() as file:
        assert os.pread(file.fileno(), 3, 0) == b"abc"
    del file, remote
    assert not Path(name).exists()


def test_an_empty_file_is_read(web: Files) -> None:
    (web.folder / "empty").touch()
    assert content_parts(at(f"{web.url}/empty"))[0].size == 0


def test_nothing_is_written_elsewhere(web: Files, run_of: RunOf, store: Store) -> None:
    path = web.folder / "a.fits"
    made(path)
    record = capture(run_of(path), store).record
    from provenance.products.attach import attach

    before = path.read_bytes()
    shutil.copy(path, web.folder / "b.fits")
    with pytest.raises(CanNotAttachError, match="elsewhere"):
        attach(at(f"{web.url}/b.fits"), record, "a.fits")
    assert (web.folder / "b.fits").read_bytes() == before


@pytest.mark.parametrize("library", ["aiohttp", "fsspec"])
def test_without_the_libraries_the_extra_is_named(library: str) -> None:
    program = (
        f"import sys; sys.modules[{library!r}] = None; from provenance.products.remote import product;"
        "from provenance.products.extract import extract; extract(product('http://127.0.0.1:9/x.fits'))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "NeedsExtraError" in ended.stderr
    assert "eb-prefect[remote]" in ended.stderr
