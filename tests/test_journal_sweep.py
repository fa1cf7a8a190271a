# SPDX-License-Identifier: Apache-2.0
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eb_prefect.journal import Call, Handle
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.journal_sweep import is_due, sweep
from eb_prefect.model.session import OfferSet
from eb_prefect.model.steprun import PhaseChange

SEEN = PhaseChange(phase="OFFERED", seen=datetime.now(UTC))


@pytest.mark.parametrize(
    ("days", "key", "delivered", "stays"),
    [
        (29, None, True, True),
        (31, None, True, False),
        (31, None, False, True),
        (31, "mine", True, True),
        (367, "mine", True, False),
    ],
)
def test_what_was_delivered_long_ago_is_removed(
    tmp_path: Path, days: int, key: str | None, delivered: bool, stays: bool
) -> None:
    call = Call(scope="s", name="n", broker="b", request="r", run="a run", key=key)
    handle = Handle(call=call, owner="", offers=OfferSet(result="YES"), session="one")
    journal = DirectoryJournal(tmp_path)
    with journal.write(handle, SEEN) as entry:
        if delivered:
            entry.deliver()
    then = time.time() - timedelta(days=days).total_seconds()
    os.utime(entry.path, (then, then))
    sweep(tmp_path)
    assert entry.path.exists() is stays
    assert [kept.handle.session for kept in journal.sessions_of("a run")] == (["one"] if stays else [])


def test_a_session_that_is_being_watched_is_not_removed(tmp_path: Path) -> None:
    call = Call(scope="s", name="n", broker="b", request="r", run="a run")
    handle = Handle(call=call, owner="", offers=OfferSet(result="YES"), session="one")
    with DirectoryJournal(tmp_path).write(handle, SEEN) as entry:
        entry.deliver()
        os.utime(entry.path, (0, 0))
        sweep(tmp_path)
        assert entry.path.exists()


def test_a_journal_is_swept_once_a_day(tmp_path: Path) -> None:
    assert is_due(tmp_path)
    assert not is_due(tmp_path)
    yesterday = time.time() - timedelta(days=1).total_seconds()
    os.utime(tmp_path / "swept", (yesterday, yesterday))
    assert is_due(tmp_path)
