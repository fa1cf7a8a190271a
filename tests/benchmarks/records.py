# SPDX-License-Identifier: Apache-2.0
"""What a record costs: attached to FITS files of several sizes, extracted again, captured a step.

Run ``python tests/benchmarks/records.py``; large files are sparse. In the
same run astropy appends the same HDU, and astropy and fitsio put as many
bytes into the first header, which moves all data (to 1.5 GiB only).
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from uuid import uuid4

import fitsio
from astropy.io import fits

from eb_prefect.model.executable import Program
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Outcome, Product, Session
from eb_prefect.model.steprun import BrokerIdentity, StepRun
from provenance.canonical import ni
from provenance.capture import capture
from provenance.products.extract import extract
from provenance.products.fits import read
from provenance.products.fits_attach import attach
from provenance.products.found import Label
from provenance.store import Store

SIZES = {"10 MB": 10 << 20, "1.5 GiB": 3 << 29, "10 GiB": 10 << 30}
DOCUMENT = b'{"record": "' + b"x" * 11_000 + b'"}'


def sparse(path: Path, size: int) -> None:
    header = fits.Header(
        [("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 2), ("NAXIS1", 1024), ("NAXIS2", size // 1024)]
    )
    path.write_bytes(header.tostring().encode())
    os.truncate(path, 2880 + -(-size // 2880) * 2880)


def milliseconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return (time.perf_counter() - begun) * 1e3


def median(call: Callable[[int], object], times: int) -> float:
    return statistics.median(milliseconds(lambda n=n: call(n)) for n in range(times))  # type: ignore[misc] # n is bound


def attaching(folder: Path, name: str, size: int) -> None:
    path = folder / "image.fits"
    sparse(path, size)
    length = path.stat().st_size

    def ours(n: int) -> None:
        document = DOCUMENT + b" " * n
        attach(path, document, Label(ni(document), ni(b"c"), 0))

    spent, times = median(ours, 20), (path.stat().st_size - length) / 20 / len(DOCUMENT)
    print(f"attach   {name:>8}: {spent:7.2f} ms; bytes written: {times:.2f} times the document's")
    print(f"locate   {name:>8}: {median(lambda _: read(path, check=False), 20):7.2f} ms, no data read")
    if size < 5 << 30:
        print(f"check    {name:>8}: {median(lambda _: read(path), 3):7.2f} ms, all data read")
    print(f"memory   {name:>8}: {memory(path):7.1f} MB more to attach and extract without the content")
    os.truncate(path, length)
    print(f"astropy  {name:>8}: {median(lambda _: astropy(path), 5):7.2f} ms to append the same HDU")
    if size < 5 << 30:
        for library, grow in (("astropy", astropy_header), ("fitsio", fitsio_header)):
            sparse(path, size)
            print(
                f"{library:<8} {name:>8}: {milliseconds(partial(grow, path)):7.1f} ms to lengthen the header"
            )
    path.unlink()


def memory(path: Path) -> float:
    program = (
        "import sys; from pathlib import Path; from provenance.products.fits import read;"
        "from provenance.products.fits_attach import attach; from provenance.products.found import Label;"
        "from tests.provenance.products.damage import Memory; path = Path(sys.argv[1]); m = Memory();"
        "attach(path, b'x' * 11000, Label('ni:///sha-256;x', 'ni:///sha-256;y', 0)); read(path, check=False);"
        "print(m.grown)"
    )
    ended = subprocess.run([sys.executable, "-c", program, path], check=True, capture_output=True, text=True)
    return float(ended.stdout)


def astropy_header(path: Path) -> None:
    with fits.open(path, mode="update") as hdus:
        for at in range(0, len(DOCUMENT), 70):
            hdus[0].header["HISTORY"] = DOCUMENT[at : at + 70].decode()


def fitsio_header(path: Path) -> None:
    with fitsio.FITS(path, "rw") as hdus:
        for at in range(0, len(DOCUMENT), 70):
            hdus[0].write_history(DOCUMENT[at : at + 70].decode())


def many_hdus(folder: Path) -> None:
    """Attach to a file of 2,000 HDUs, where most of the time goes into finding its end."""
    path = folder / "many.fits"
    fits.HDUList([fits.PrimaryHDU(), *(fits.ImageHDU(name=f"CCD{n}") for n in range(2000))]).writeto(path)
    length = path.stat().st_size

    def ours(n: int) -> None:
        os.truncate(path, length)
        document = DOCUMENT + b" " * n
        attach(path, document, Label(ni(document), ni(b"c"), 0))

    print(f"attach 2000 HDUs : {median(ours, 5):7.2f} ms")
    print(f"locate 2000 HDUs : {median(lambda _: read(path, check=False), 5):7.2f} ms, no data read")
    print(f"extract by astropy {median(lambda _: fits.getdata(path, 'PROVENANCE'), 3):7.2f} ms")
    os.truncate(path, length)
    print(f"append by astropy  {median(lambda _: astropy(path), 3):7.2f} ms")
    path.unlink()


def astropy(path: Path) -> None:
    column = fits.Column("PROV_JSON", f"{len(DOCUMENT)}A", array=[DOCUMENT])
    with fits.open(path, mode="append") as hdus:
        hdus.append(fits.BinTableHDU.from_columns([column], name="PROVENANCE"))


def run_of(path: Path) -> StepRun:
    program = Program(command=("sh", "-c", "true"), environment={f"PARAMETER_{n}": "1.25" for n in range(12)})
    request = ExecutionRequest(name="step", executable=program)
    session = Session(
        uuid=str(uuid4()),
        phase=Phase.COMPLETED,
        executable=program,
        outcome=Outcome(exit_code=0),
        products=(Product(name=path.name, volume="/out", location=path.as_uri()),),
    )
    offers = OfferSet(result="YES", offers=(session.model_copy(update={"phase": Phase.OFFERED}),))
    broker = BrokerIdentity(kind="embedded", name="here")
    return StepRun(
        name="step", broker=broker, request=request, offers=offers, chosen=session.uuid, session=session
    )


def capturing(folder: Path, times: int = 100) -> None:
    product = folder / "product.fits"
    sparse(product, 100 << 10)
    store = Store(folder / "records.db")
    runs = [run_of(product) for _ in range(times)]
    capture(runs[0], store, into=folder / "warm")
    spent = median(lambda n: capture(runs[n], store, into=folder / str(n)), times)
    print(
        f"capture  100 KB : {spent:6.2f} ms a step, {1e3 / spent:.0f}/s (record, PROV, store, copy, attach)"
    )
    made = folder / "1" / "product.fits"
    spent = median(lambda _: extract(made), times)
    print(f"extract  100 KB : {spent:6.2f} ms with its content checked, {1e3 / spent:.0f}/s")


def extracting_3_mb(folder: Path) -> None:
    path = folder / "small.fits"
    sparse(path, 3 << 20)
    capture(run_of(path), Store(folder / "records.db"))
    print(f"extract    3 MB : {median(lambda _: extract(path), 20):6.2f} ms with its content checked")
    program = "import sys, pathlib, provenance.products.extract as x; x.extract(pathlib.Path(sys.argv[1]))"

    def cold(words: list[str]) -> float:
        return median(lambda _: subprocess.run([sys.executable, *words], check=True), 9)

    bare, ours = cold(["-c", ""]), cold(["-c", program, str(path)])
    print(f"cold     extract: {ours:6.1f} ms, bare Python {bare:.1f} ms")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        for label, size in SIZES.items():
            attaching(Path(name), label, size)
        many_hdus(Path(name))
        capturing(Path(name))
        extracting_3_mb(Path(name))
