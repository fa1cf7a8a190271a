# SPDX-License-Identifier: Apache-2.0
"""A page in which something is clicked before it is photographed, by the browser's own protocol."""

import base64
import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.screenshots.browser import ALONE, LIMIT, chromium
from tests.screenshots.server import wait_for

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_FIND = """(() => {
  const found = [...document.querySelectorAll(%s)].find(one => %s === null || one.textContent.trim() === %s);
  const box = found && found.getBoundingClientRect();
  return box && box.width ? [box.x + box.width / 2, box.y + box.height / 2] : null;
})()"""
_CLICKED = "button, a, [role=menuitem]"


class Tab:
    """One page of a running browser."""

    def __init__(self, line: ClientConnection) -> None:
        self._line = line
        self._count = 0

    def tell(self, method: str, **given: Any) -> dict[str, Any]:
        """Return what the browser answers."""
        self._count += 1
        self._line.send(json.dumps({"id": self._count, "method": method, "params": given}))
        while (answer := json.loads(self._line.recv(LIMIT))).get("id") != self._count:
            pass
        found: dict[str, Any] = answer.get("result", {})
        return found

    def value(self, script: str) -> Any:
        """Return what a script gives."""
        told = self.tell("Runtime.evaluate", expression=script, returnByValue=True)
        return told["result"].get("value")

    def click(self, text: str | None, among: str = _CLICKED) -> None:
        """Click the first thing with this text, or the first of all, as soon as it is there."""
        wanted = json.dumps(text)
        script = _FIND % (json.dumps(among), wanted, wanted)
        x, y = wait_for(lambda: self.value(script), f"{text} among {among}", LIMIT)
        for kind in ("mousePressed", "mouseReleased"):
            self.tell("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def await_text(self, text: str) -> None:
        """Wait until the page says this."""
        script = f"document.body.innerText.includes({json.dumps(text)})"
        wait_for(lambda: self.value(script) or None, f"a page with {text}", LIMIT)

    def photograph(self, into: Path) -> None:
        """Draw the page as it is into a PNG file."""
        time.sleep(2)  # what moves has come to rest
        into.write_bytes(base64.b64decode(self.tell("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def tab(url: str, *, width: int = 1400, height: int = 1000) -> Iterator[Tab]:
    """Open a page."""
    program = chromium()
    assert program is not None
    with tempfile.TemporaryDirectory(prefix="eb-screenshots-", ignore_cleanup_errors=True) as profile:
        options = (
            f"--user-data-dir={profile}",
            "--remote-debugging-port=0",
            f"--window-size={width},{height}",
        )
        browser = subprocess.Popen(
            [program, *ALONE, *options, url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "HOME": profile},
        )
        try:
            port = wait_for(lambda: _port(Path(profile)), "the browser's port", LIMIT)
            address = wait_for(lambda: _page(port), "its page", LIMIT)
            with connect(address, max_size=None, proxy=None, open_timeout=LIMIT) as line:
                yield Tab(line)
        finally:
            os.killpg(browser.pid, signal.SIGKILL)
            browser.wait()


def _port(profile: Path) -> int | None:
    told = profile / "DevToolsActivePort"
    lines = told.read_text().splitlines() if told.exists() else []
    return int(lines[0]) if lines else None


def _page(port: int) -> str | None:
    with _direct.open(f"http://127.0.0.1:{port}/json", timeout=30) as answer:
        found = [each for each in json.load(answer) if each["type"] == "page"]
    return str(found[0]["webSocketDebuggerUrl"]) if found else None
