# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.brokers.named import broker_named, places_named
from eb_prefect.brokers.several import SeveralBrokers
from eb_prefect.choice.nearness import Site
from eb_prefect.errors import InvalidDocumentError, UnknownBrokerError

TEXT = """
[brokers.here]
kind = "embedded"
site = "SPSRC"
[brokers.there]
kind = "embedded"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "brokers.toml"
    path.write_text(TEXT)
    monkeypatch.setenv("EB_CONFIG", str(path))
    monkeypatch.setenv("EB_HOME", str(tmp_path / "home"))
    return path


def test_without_a_name_it_is_this_machine_or_the_default(file: Path) -> None:
    assert [place.name for place in places_named()] == ["embedded"]
    file.write_text(TEXT + '[defaults]\nbroker = "there, here"\n')
    assert [place.name for place in places_named()] == ["there", "here"]
    assert [place.name for place in places_named(["here"])] == ["here"]


def test_a_name_is_looked_up_in_the_configuration(file: Path) -> None:
    (place,) = places_named(["here"])
    assert (place.name, place.site) == ("here", Site("SPSRC"))
    assert isinstance(broker_named("here"), EmbeddedBroker)


def test_several_names_are_one_broker_that_asks_all(file: Path) -> None:
    assert isinstance(broker_named("here,there"), SeveralBrokers)
    assert broker_named("here", "there").identity == broker_named("there, here").identity


def test_a_name_given_twice_is_asked_once(file: Path) -> None:
    assert [place.name for place in places_named(["here,embedded", "here"])] == ["here", "embedded"]


def test_an_unknown_name_is_told_with_those_there_are(file: Path) -> None:
    with pytest.raises(UnknownBrokerError) as told:
        broker_named("here,nowhere")
    assert told.value.name == "nowhere"
    assert told.value.known[:4] == ("embedded", "slurm", "here", "there")


def test_this_machine_needs_no_configuration(file: Path) -> None:
    file.write_text("[")
    assert isinstance(broker_named("embedded"), EmbeddedBroker)
    with pytest.raises(InvalidDocumentError):
        broker_named()
