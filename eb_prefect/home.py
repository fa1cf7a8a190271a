# SPDX-License-Identifier: Apache-2.0
"""Where this user's sessions, journal and records live, and what this user configures."""

import os
from pathlib import Path

CHOICE = "EB_CONFIG"


def home() -> Path:
    """Return ``$EB_HOME``, or ``eb`` in the XDG state directory; it need not exist."""
    if given := os.environ.get("EB_HOME"):
        return Path(given).absolute()
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "eb"


def records() -> Path | str:
    """Return where the store of records is: ``$EB_STORE``, a path or a URL, or ``records.db`` in `home`."""
    given = os.environ.get("EB_STORE", "")
    if "://" in given:
        return given
    return Path(given).absolute() if given else home() / "records.db"


def configuration_path() -> Path:
    """Return where the file of brokers is, or would be; what else is configured lies beside it."""
    if given := os.environ.get(CHOICE):
        return Path(given).absolute()
    above = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(above) / "eb" / "brokers.toml"
