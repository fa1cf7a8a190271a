# SPDX-License-Identifier: Apache-2.0
import struct
import zlib
from pathlib import Path

import pytest

from tests.screenshots.browser import chromium, document, photograph
from tests.screenshots.pipelines import failed_step
from tests.screenshots.server import Server

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="no browser: apt-get install chromium fonts-dejavu-core"),
    pytest.mark.timeout(300),
]


def colours(png: bytes) -> int:
    """Return how many different bytes the picture's pixels have, to tell a page from a blank."""
    at, data = 8, b""
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        data += png[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += length + 12
    return len(set(zlib.decompress(data)))


def test_both_uis_draw_the_report_of_a_step(
    prefect_api: str, prefect_environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EB_HOME", str(tmp_path / "home"))
    server = Server(prefect_environment)
    report = server.artifacts(failed_step())["eb-report-calibrate-m-31"]["id"]
    for ui in ("v2", "v1"):
        page = document(server.page(f"artifacts/artifact/{report}", ui))
        assert "Why it is FAILED" in page
        assert "exit &lt;b&gt;3&lt;/b&gt;" in page
        assert 'src="data:image/svg+xml;base64,' in page
        assert "API_TOKEN=[redacted]" in page
    picture = tmp_path / "report.png"
    photograph(server.page(f"artifacts/artifact/{report}"), picture, width=900, height=700)
    png = picture.read_bytes()
    assert struct.unpack(">II", png[16:24]) == (900, 700)
    assert colours(png) > 100
