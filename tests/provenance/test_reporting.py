# SPDX-License-Identifier: Apache-2.0
import base64
import re
from pathlib import Path

from eb_prefect.model.parts import Checksum
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import BrokerIdentity
from provenance.capture import Captured
from provenance.parts import Input, Maker, ProductEntry
from provenance.record import StepRecord
from provenance.reporting import lineage_page, more


def record(name: str, *inputs: Input, product: str = "") -> StepRecord:
    made = ProductEntry.model_validate({"name": product or f"{name}.fits", "path": "/x", "size": 2048})
    return StepRecord(
        name=name,
        broker=BrokerIdentity(kind="embedded", name="here"),
        session=Session(uuid=name, phase="COMPLETED"),
        inputs=inputs,
        products=(made,),
    )


def made_by(earlier: StepRecord) -> Input:
    product = earlier.products[0].name
    return Input(name=f"from {earlier.name}", made_by=Maker(record=earlier.digest, product=product))


def drawing(page: str) -> str:
    (data,) = re.findall(r"data:image/svg\+xml;base64,([^)]*)\)", page)
    return base64.b64decode(data).decode()


def width(page: str) -> float:
    (found,) = re.findall(r'<svg [^>]*width="([0-9.]+)"', drawing(page))
    return float(found)


def test_the_records_of_a_run_are_one_picture() -> None:
    first = record("smooth", Input(name="frame", location="file:///data/m31.fits"))
    second = record("sources", made_by(first))
    picture = drawing(lineage_page([first, second], "run"))
    for text in ("smooth", "sources", "smooth.fits", "sources.fits", "frame", "m31.fits"):
        assert f">{text}<" in picture
    assert picture.count("<polygon") == 4


def test_a_long_chain_goes_down_to_be_read() -> None:
    chain = [record("step-0")]
    for number in range(1, 10):
        chain.append(record(f"step-{number}", made_by(chain[-1])))
    assert width(lineage_page(chain, "chain")) < 300


def test_of_very_many_steps_the_data_are_left_out() -> None:
    smoothed = [record(f"smooth-{n}", Input(name="frame", location=f"file:///{n}.fits")) for n in range(49)]
    found = [record(f"sources-{n}", made_by(one)) for n, one in enumerate(smoothed)]
    merged = record("merge", *map(made_by, found))
    page = lineage_page([*smoothed, *found, merged], "survey")
    assert width(page) < 900
    assert "<ellipse" not in drawing(page)
    assert drawing(page).count("<polygon") == 49 * 2
    assert "The data are left out" in page


def test_steps_beyond_the_limit_are_counted() -> None:
    page = lineage_page([record("one")], "run", left_out=7)
    assert "and 7 more steps of this flow run that are not shown" in page


def test_names_of_strangers_are_text() -> None:
    page = lineage_page([record("<b>| [x](y)", product="<i>.fits")], "a | b")
    assert r"\<b\>\| \[x\](y)" in page
    assert r"\<i\>.fits" in page


def test_a_record_adds_its_digest_and_what_to_type() -> None:
    checksum = Checksum(type="sha-256", value="ab" * 32)
    made = record("smooth", Input(name="frame", checksum=checksum, size=1024))
    added = more(Captured(made, (Path("/made/my frame.fits"),), ()))
    assert f"`{made.digest}`" in added.sections[0]
    assert "| frame | 1.0 KiB |" in added.sections[1]
    assert "| input | size | digest |\n" in added.sections[1]  # no column that nothing is in
    assert added.commands == (
        "eb show '/made/my frame.fits'",
        "eb lineage '/made/my frame.fits'",
        "eb rerun '/made/my frame.fits'",
    )
