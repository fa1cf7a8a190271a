# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from eb_prefect.choice.candidate import Place
from eb_prefect.choice.chooser import chooser
from eb_prefect.choice.constraints import constraints
from eb_prefect.choice.policies import cheapest
from eb_prefect.errors import NoOfferError
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.step import StepOptions, run_step
from tests.choice.values import REQUEST, PricedBroker


def test_a_step_on_one_broker_takes_the_best_of_its_offers(tmp_path: Path) -> None:
    broker = PricedBroker(0.5, 0.1, 0.3)
    choose = chooser(broker, REQUEST, policy=cheapest, constraints=constraints("monetary > 0.2"))
    run = run_step(
        broker, REQUEST, name="s", options=StepOptions(journal=DirectoryJournal(tmp_path), choose=choose)
    )
    assert [offer.costs[0].min for offer in run.offers.offers if offer.uuid == run.chosen] == [0.3]


def test_a_step_that_no_offer_suits_is_not_run(tmp_path: Path) -> None:
    broker = PricedBroker(0.5)
    choose = chooser(Place(broker, "spsrc"), REQUEST, constraints=constraints("monetary < 0.2"))
    with pytest.raises(NoOfferError, match=r"spsrc offer 1: monetary 0.5 is not < 0.2, by 0.3"):
        run_step(
            broker, REQUEST, name="s", options=StepOptions(journal=DirectoryJournal(tmp_path), choose=choose)
        )
    assert broker.runs == 0
