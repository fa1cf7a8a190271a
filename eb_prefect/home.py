# SPDX-License-Identifier: Apache-2.0
"""Where this user's sessions, journal and records live."""

import os
from pathlib import Path


def home() -> Path:
    """Return ``$EB_HOME``, or ``eb`` in the XDG state directory; it need not exist."""
    if given := os.environ.get("EB_HOME"):
        return Path(given).absolute()
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "eb"
