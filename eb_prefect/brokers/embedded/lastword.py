# SPDX-License-Identifier: Apache-2.0
"""The last word about a session, where its broker may not tell it twice: kept once, for ever."""

import os
from pathlib import Path
from uuid import uuid4

from eb_prefect.durable import sync
from eb_prefect.model.session import Session

_FINAL = "final.json"


def final(directory: Path) -> Session | None:
    """Return the session as it ended, None while it has not."""
    try:
        text = (directory / _FINAL).read_bytes()
    except FileNotFoundError:
        return None
    return Session.model_validate_json(text)


def settle(directory: Path, session: Session) -> Session:
    """Keep how the session ended, durably, unless that was done; return what holds for ever."""
    partial = directory / f".{uuid4().hex}"
    partial.write_text(session.model_dump_json())
    sync(partial)
    try:
        os.link(partial, directory / _FINAL)
    except FileExistsError:
        return final(directory) or session
    finally:
        partial.unlink()
    sync(directory)
    return session
