# SPDX-License-Identifier: Apache-2.0
"""What is kept of offers, and for how long."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from eb_prefect.model.session import OfferSet, Session
from eb_prefect.server.served import Served

DAY = 86_400


def offers(expires: timedelta | None = timedelta(minutes=5)) -> OfferSet:
    at = None if expires is None else datetime.now(UTC) + expires
    sessions = [Session(uuid=str(uuid4()), phase="OFFERED", expires=at) for _ in range(2)]
    return OfferSet(uuid=str(uuid4()), result="YES", offers=tuple(sessions))


def found(directory: Path, told: OfferSet) -> list[bool]:
    """Return of which of the set and its offers something is known, by a new object."""
    return [Served(directory).find(uuid) is not None for uuid in (told.uuid, *(o.uuid for o in told.offers))]


def test_a_set_is_found_by_itself_and_each_of_its_offers(tmp_path: Path) -> None:
    Served(tmp_path).keep(told := offers(), "ana")
    for uuid in (told.uuid, *(offer.uuid for offer in told.offers)):
        entry = Served(tmp_path).find(uuid)
        assert entry is not None
        assert (entry.owner, entry.offers.uuid) == ("ana", told.uuid)
        assert entry.sessions == tuple(offer.uuid for offer in told.offers)


def test_offers_that_nobody_took_go_a_day_after_they_expired(tmp_path: Path) -> None:
    old, new, endless = offers(timedelta(days=-2)), offers(), offers(None)
    for told in (old, new, endless):
        Served(tmp_path).keep(told, None)
    Served(tmp_path).keep(offers(), None)
    assert [any(found(tmp_path, told)) for told in (old, new, endless)] == [False, True, True]


def test_what_was_accepted_is_kept_for_good(tmp_path: Path) -> None:
    served = Served(tmp_path)
    served.keep(told := offers(), "ana")
    served.mark_accepted(told.offers[0].uuid)
    for path in (tmp_path / "offers").iterdir():
        os.utime(path, (time.time() - 2 * DAY,) * 2)
    Served(tmp_path).keep(offers(), None)
    assert not (tmp_path / "offers" / str(told.uuid)).exists()
    assert found(tmp_path, told) == [True, True, True]


def test_an_offer_can_be_accepted_after_its_first_note_is_gone(tmp_path: Path) -> None:
    served = Served(tmp_path)
    served.keep(told := offers(), "ana")
    served.find(told.offers[0].uuid)
    for path in (tmp_path / "offers").iterdir():
        path.unlink()
    served.mark_accepted(told.offers[0].uuid)
    assert found(tmp_path, told) == [True, True, True]


def test_nothing_half_written_is_ever_found(tmp_path: Path) -> None:
    Served(tmp_path).keep(told := offers(), "ana")
    names = {path.name for path in (tmp_path / "offers").iterdir()}
    assert names == {told.uuid, *(offer.uuid for offer in told.offers)}
    assert {path.stat().st_nlink for path in (tmp_path / "offers").iterdir()} == {3}


def test_what_a_broker_calls_its_offers_names_no_file_elsewhere(tmp_path: Path) -> None:
    sessions = [Session(uuid=name, phase="OFFERED") for name in ("../../x", "/x", "", ".", "a/b")]
    Served(tmp_path / "served").keep(OfferSet(uuid=str(uuid4()), result="YES", offers=tuple(sessions)), None)
    assert len(list((tmp_path / "served" / "offers").iterdir())) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["served"]
