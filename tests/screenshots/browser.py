# SPDX-License-Identifier: Apache-2.0
"""Pages as a real browser draws them."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

LIMIT = 120.0  # seconds; a page took 3 s where it was tried
_PATIENCE = 20_000  # milliseconds of the page's own time, which passes faster than ours
ALONE = (
    "--headless",
    "--no-sandbox",  # which root may not have
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    # nothing but this machine has a name: what a page asks of others is not asked
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--proxy-server=direct://",
)


def chromium() -> str | None:
    """Return where the browser is, if it is installed."""
    return shutil.which("chromium")


def photograph(url: str, into: Path, *, width: int = 1400, height: int = 1100) -> None:
    """Draw a page into a PNG file."""
    into.unlink(missing_ok=True)
    _browse(url, f"--screenshot={into}", f"--window-size={width},{height}")
    if not into.exists():
        raise RuntimeError(f"no picture of {url}")


def document(url: str) -> str:
    """Return a page as the HTML that its scripts have made of it."""
    return _browse(url, "--dump-dom", "--window-size=1400,1100")


def _browse(url: str, *options: str) -> str:
    program = chromium()
    if program is None:
        raise RuntimeError("chromium is not installed: apt-get install chromium fonts-dejavu-core")
    with tempfile.TemporaryDirectory(prefix="eb-screenshots-", ignore_cleanup_errors=True) as profile:
        words = [program, *ALONE, f"--user-data-dir={profile}", f"--virtual-time-budget={_PATIENCE}"]
        browser = subprocess.Popen(
            [*words, *options, url],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            env={**os.environ, "HOME": profile},
        )
        try:
            return browser.communicate(timeout=LIMIT)[0]
        except BaseException:
            os.killpg(browser.pid, signal.SIGKILL)
            browser.wait()
            raise
