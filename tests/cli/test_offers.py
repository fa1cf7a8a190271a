# SPDX-License-Identifier: Apache-2.0
"""`eb offers`, and what brokers are asked, as a person and a program see it."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.cli.walking import Eb, environment, request

HERE = '[brokers.here]\nkind = "embedded"\nsite = "SPSRC"\n'


@pytest.fixture
def wanted(tmp_path: Path, frame: Path) -> Path:
    path = request(tmp_path)
    path.write_text(path.read_text().replace("cores: {min: 1}", "cores: {min: 1, max: 2}"))
    return path


def configured(folder: Path, text: str = HERE) -> dict[str, str]:
    (folder / "brokers.toml").write_text(text)
    return {**environment(folder / "eb home"), "EB_CONFIG": str(folder / "brokers.toml")}


def test_the_table_has_the_best_first_and_marked(wanted: Path, eb: Eb) -> None:
    told = eb("offers", wanted)
    assert told.returncode == 0, told.stderr
    head, best, other = told.stdout.splitlines()
    assert head.split() == ["broker", "offer", "start", "duration", "cores", "memory", "expires", "in"]
    assert best.split()[:7] == ["*", "embedded", "1", "-", "-", "2", "1"]
    assert other.split()[:3] == ["embedded", "2", "-"]


def test_offers_of_several_brokers_are_compared(tmp_path: Path, wanted: Path, eb: Eb) -> None:
    told = eb("offers", wanted, "--broker", "here,embedded", "--json", env=configured(tmp_path))
    assert told.returncode == 0, told.stderr
    offers = json.loads(told.stdout)["offers"]
    assert [(each["broker"], each["number"]) for each in offers] == [
        ("here", 1),
        ("here", 2),
        ("embedded", 1),
        ("embedded", 2),
    ]
    assert offers[0]["tells"]["cores"] == {"min": 2, "max": 2}


def test_offers_that_do_not_meet_the_constraints_are_told(wanted: Path, eb: Eb) -> None:
    told = eb("offers", wanted, "--where", "cores <= 1", "--where", "start <= PT1H")
    assert told.returncode == 3
    assert "no offer: embedded offer 1: cores 2 is not <= 1, by 1; start is not told" in told.stdout
    program = json.loads(eb("offers", wanted, "--where", "cores <= 1", "--json").stdout)
    assert [each["number"] for each in program["offers"]] == [2]
    assert program["unmet"][0]["reasons"] == ["cores 2 is not <= 1, by 1"]


def test_a_request_is_changed_before_it_is_asked_for(wanted: Path, eb: Eb) -> None:
    told = eb("offers", wanted, "--set", "compute.cores.max=1000", "--set", "compute.cores.min=1000")
    assert told.returncode == 3
    assert told.stdout.startswith("no offer: embedded: ")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--where", "cores"), "column 6"),
        (("--policy", "best"), "there is first, cheapest"),
        (("--broker", "nowhere"), "there is no broker named 'nowhere'"),
    ],
)
def test_what_means_nothing_is_told_before_anybody_is_asked(
    wanted: Path, eb: Eb, words: tuple[str, ...], says: str
) -> None:
    for command in ("offers", "run"):
        told = eb(command, wanted, *words)
        assert (told.returncode, says in told.stderr) == (2, True), told.stderr
        assert told.stdout == ""


def test_a_step_runs_only_on_an_offer_that_will_do(tmp_path: Path, wanted: Path, eb: Eb) -> None:
    refused = eb("run", wanted, "--where", "cores > 2")
    assert (refused.returncode, "by 1" in refused.stderr) == (3, True)
    ran = eb("run", wanted, "--broker", "here,embedded", "--where", "cores < 2", env=configured(tmp_path))
    assert ran.returncode == 0, ran.stderr


def test_a_broken_configuration_is_told_without_its_secrets(tmp_path: Path, wanted: Path, eb: Eb) -> None:
    text = '[brokers.a]\nurl = "http://127.0.0.1:1"\nuser = "me"\npassword = "swordfish"\n'
    told = eb("offers", wanted, "--broker", "a", "--json", env=configured(tmp_path, text))
    assert told.returncode == 2
    assert json.loads(told.stdout)["error"]["faults"][0]["path"] == "brokers.a.password"
    assert "swordfish" not in told.stdout + told.stderr


def test_light_commands_know_nothing_of_brokers(tmp_path: Path) -> None:
    import subprocess

    script = (
        "import sys\nfrom provenance.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([name for name in sys.modules if name.startswith(('eb_prefect.choice', 'eb_prefect.b'))])"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, "show", "nothing.fits"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment(tmp_path)},
    )
    assert told.stdout.splitlines()[-1] == "[]"


def test_a_policy_that_no_offer_tells_enough_for_is_told(wanted: Path, eb: Eb) -> None:
    told = eb("offers", wanted, "--policy", "cheapest")
    assert told.returncode == 0
    assert "no offer tells of monetary" in told.stdout
