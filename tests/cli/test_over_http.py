# SPDX-License-Identifier: Apache-2.0
"""The commands against a broker elsewhere that knows its users, with secrets from the environment."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from provenance.products.extract import extract
from provenance.products.found import Binding
from tests.cli.walking import EB, Eb, calling, environment, request, runs

WRONG = "swordfish-swordfish"


class There(NamedTuple):
    """A served broker and the secrets of its two users."""

    url: str
    mine: str
    others: str


class Mine(NamedTuple):
    """A folder with a request, and the command as one user of the broker calls it."""

    folder: Path
    there: There
    eb: Eb

    def __call__(self, *words: object, secret: str | None = None) -> subprocess.CompletedProcess[str]:
        """Call the command; no secret is in what it says."""
        told = self.eb(*words, "--broker", "there", env=self.environment(secret or self.there.mine))
        for each in (self.there.mine, self.there.others, WRONG):
            assert each not in told.stdout + told.stderr
        return told

    def environment(self, secret: str) -> dict[str, str]:
        own = environment(self.folder / "eb home")
        return {**own, "EB_CONFIG": str(self.folder / "brokers.toml"), "THERE_PASSWORD": secret}

    def run(self, work: str = "cp /input/frame.fits /output/copy.fits") -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self("run", request(self.folder, work), "--json").stdout)
        return told


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    folder = tmp_path_factory.mktemp("there")
    eb, users = calling(folder, folder / "home"), folder / "users"
    secrets = [
        json.loads(eb("serve", "--users", users, "--add-user", name, "--json").stdout) for name in "ab"
    ]
    words = [*EB, "serve", "--port", "0", "--users", str(users), "--json"]
    with subprocess.Popen(words, env=environment(folder / "home"), stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        yield There(url, *(each["secret"] for each in secrets))
        server.send_signal(signal.SIGTERM)


@pytest.fixture(params=["", 'dialect = "B2"\n'], ids=["detected", "B2"])
def mine(request: pytest.FixtureRequest, tmp_path: Path, frame: Path, there: There) -> Mine:
    below = "/B2" if request.param else ""
    text = f'[brokers.there]\nurl = "{there.url}{below}"\nuser = "a"\npassword_env = "THERE_PASSWORD"\n'
    (tmp_path / "brokers.toml").write_text(text + request.param)
    return Mine(tmp_path, there, calling(tmp_path, tmp_path / "eb home"))


def test_a_step_is_run_recorded_shown_and_run_again(mine: Mine) -> None:
    told = mine("run", request(mine.folder), "--out", mine.folder / "made", "--json")
    assert told.returncode == 0, told.stderr
    [product] = json.loads(told.stdout)["products"]
    assert extract(Path(product)).binding is Binding.BOUND
    again = mine("rerun", product, "--out", mine.folder / "again", "--yes", "--json")
    assert again.returncode == 0, again.stderr
    assert Path(json.loads(again.stdout)["products"][0]).parent == mine.folder / "again"
    assert runs(mine.folder) == 2


def test_offers_are_asked_for_and_shown(mine: Mine) -> None:
    told = mine("offers", request(mine.folder))
    assert (told.returncode, "there" in told.stdout) == (0, True), told.stderr


def test_a_session_and_its_streams_can_be_read(mine: Mine) -> None:
    session = mine.run("echo out; echo err >&2; exit 3")["session"]
    assert mine("logs", session).stdout == "out\n"
    assert mine("logs", session, "--stderr").stdout == "err\n"
    said = mine("session", session).stdout
    assert f"{session}: FAILED" in said
    assert f"link       docker-container-stdout-get FINISHED {mine.there.url}" in said


def test_a_session_can_be_cancelled_from_elsewhere(mine: Mine) -> None:
    with walking(mine, "sleep 60") as walk:
        session = accepted(walk)
        told = mine("cancel", session)
        assert (told.returncode, told.stdout) == (0, f"{session}: CANCELLED\n"), told.stderr
        assert walk.wait(20) == 1


@pytest.mark.parametrize(
    "words", ["offers {request}", "run {request}", "session {session}", "logs {session}"]
)
def test_a_wrong_secret_is_told_with_the_exit_code_of_brokers(mine: Mine, words: str) -> None:
    given = {"request": request(mine.folder), "session": "3c1b9f5e-6f0e-4a53-9d0e-0a8f4f1c2b11"}
    told = mine(*(word.format(**given) for word in words.split()), secret=WRONG)
    assert told.returncode == 4, told.stderr
    assert "denies access with 401" in told.stdout + told.stderr
    assert "give it credentials that it knows" in told.stdout + told.stderr
    assert runs(mine.folder) == 0


def test_a_session_is_its_owners_alone(mine: Mine) -> None:
    session = mine.run()["session"]
    config = mine.folder / "brokers.toml"
    config.write_text(config.read_text().replace('user = "a"', 'user = "b"'))
    for command in ("session", "logs", "cancel"):
        told = mine(command, session, secret=mine.there.others)
        assert told.returncode == 4
        assert f"{session} is not yours" in told.stderr


def test_a_secret_that_is_not_there_is_told_before_anybody_is_asked(mine: Mine) -> None:
    own = mine.environment("")
    del own["THERE_PASSWORD"]
    told = mine.eb("run", request(mine.folder), "--broker", "there", env=own)
    assert told.returncode == 2
    assert "brokers.there.password_env: THERE_PASSWORD is not in the environment" in told.stderr


@contextmanager
def walking(mine: Mine, work: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a step in a process of its own."""
    words = [*EB, "run", str(request(mine.folder, work)), "--broker", "there"]
    own = mine.environment(mine.there.mine)
    with subprocess.Popen(
        words, env=own, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as walk:
        try:
            yield walk
        finally:
            walk.kill()


def accepted(walk: "subprocess.Popen[str]") -> str:
    """Return the session that a command runs, when it says that it does."""
    assert walk.stderr is not None
    until = time.monotonic() + 30
    for line in walk.stderr:
        assert time.monotonic() < until
        if "RUNNING" in line:
            return line.split()[-1]
    raise AssertionError("it told of no session")
