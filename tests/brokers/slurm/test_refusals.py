# SPDX-License-Identifier: Apache-2.0
"""What Slurm can't give is NO, with its reasons."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eb_prefect.brokers.slurm.broker import SlurmBroker
from eb_prefect.errors import BrokerUnavailableError
from eb_prefect.model.phase import Phase
from eb_prefect.testing.contract import finish, offered
from tests.brokers.embedded.bench import program, reasons
from tests.brokers.slurm.bench import SlurmBench
from tests.slurm import Slurm


@pytest.fixture
def bench(tmp_path: Path, slurm: Slurm) -> SlurmBench:
    return SlurmBench(tmp_path)


def with_settings(bench: SlurmBench, **settings: Any) -> SlurmBench:
    return replace(bench, settings=replace(bench.settings, **settings))


@pytest.mark.parametrize(
    ("compute", "reason"),
    [
        ({"cores": {"min": 9}}, "9 cores are asked for; a node of queue main has 8"),
        ({"memory": {"min": 9}}, "9 GiB of memory are asked for; a node of queue main has 8"),
        ({"gpus": {"min": 2}}, "2 GPUs are asked for; a node of queue main has 1"),
        ({"gpus": {"min": 1}}, "1 GPUs are asked for; a node of queue brief has 0"),
    ],
)
def test_what_no_node_has_is_named(bench: SlurmBench, compute: dict[str, object], reason: str) -> None:
    asked = program("true", compute=compute)
    only = with_settings(bench, queues=("main", "brief") if "main" in reason else ("brief",))
    assert reason in reasons(only, asked)


def test_a_duration_beyond_the_partition_is_named(bench: SlurmBench) -> None:
    asked = program("true", schedule={"requested": {"duration": "PT11M"}})
    text = reasons(with_settings(bench, queues=("brief",)), asked)
    assert "11 minutes are asked for; queue brief gives 10 at most" in text


def test_a_partition_that_gives_less_makes_no_offer_beside_one_that_gives_enough(bench: SlurmBench) -> None:
    asked = program("true", schedule={"requested": {"duration": "PT11M"}})
    offers = bench.broker().request_offers(asked).offers
    assert [message.text.partition(";")[0] for offer in offers for message in offer.messages] == [
        "queue main"
    ]


def test_a_closed_partition_is_named(bench: SlurmBench) -> None:
    text = reasons(with_settings(bench, queues=("closed",)), bench.succeeding())
    assert "closed is drain" in text.lower()


def test_a_partition_that_is_not_there_is_named(bench: SlurmBench) -> None:
    text = reasons(with_settings(bench, queues=("nowhere",)), bench.succeeding())
    assert "there is no queue nowhere" in text


def test_options_that_slurm_refuses_are_told_in_its_words(bench: SlurmBench) -> None:
    asked = with_settings(bench, options=("--constraint=nothing-has-it",))
    assert "Invalid feature specification" in reasons(asked, bench.succeeding())


def test_an_option_that_sbatch_does_not_have_is_told_in_its_words(bench: SlurmBench) -> None:
    asked = with_settings(bench, options=("--nonsense",))
    assert "unrecognized option '--nonsense'" in reasons(asked, bench.succeeding())


def test_an_interval_to_start_in_gets_no_and_what_to_do(bench: SlurmBench) -> None:
    interval = {"start": "2030-01-01T00:00:00Z", "length": "PT1H"}
    text = reasons(bench, program("true", schedule={"requested": {"start": interval}}))
    assert "a batch system plans no times, leave out the interval" in text


def test_offers_come_in_the_order_of_the_settings(bench: SlurmBench) -> None:
    for order in (("main", "brief"), ("brief", "main")):
        offers = with_settings(bench, queues=order).broker().request_offers(bench.succeeding()).offers
        texts = [offer.messages[-1].text.partition(";")[0] for offer in offers]
        assert texts == [f"queue {name}" for name in order]


def test_a_refusal_after_the_offer_fails_the_session_with_its_reason(bench: SlurmBench) -> None:
    offer = offered(bench.broker(), bench.succeeding())
    later = with_settings(bench, options=("--constraint=nothing-has-it",)).broker()
    final = later.accept(offer.uuid)
    assert final.phase == "FAILED"
    assert "Invalid feature specification" in final.messages[-1].text
    assert later.accept(offer.uuid) == later.session(offer.uuid) == final
    assert bench.starts() == 0


def test_a_home_that_can_not_be_used_is_unavailable(tmp_path: Path, slurm: Slurm) -> None:
    (tmp_path / "home").write_text("a file")
    broker = SlurmBroker(home=tmp_path / "home")
    with pytest.raises(BrokerUnavailableError, match="home"):
        broker.request_offers(program("true"))


def test_an_array_is_not_a_person_s_to_ask_for(bench: SlurmBench) -> None:
    assert "option --array=0-3" in reasons(with_settings(bench, options=("--array=0-3",)), bench.succeeding())


def test_what_the_caller_s_squeue_is_set_to_hides_no_session(
    bench: SlurmBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQUEUE_STATES", "SUSPENDED")
    broker = bench.broker()
    assert finish(broker, offered(broker, bench.succeeding()), bench).phase == Phase.COMPLETED
