# SPDX-License-Identifier: Apache-2.0
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.server.run import serving
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.document import read_offer_set, read_session
from tests.brokers.embedded.bench import EmbeddedBench
from tests.server.asking import Asking, locations, making, messages_of, url_of, uuid_of


def test_offers_come_with_303_their_address_and_the_whole_set(each: Asking, bench: EmbeddedBench) -> None:
    answer = each.submit(bench.succeeding())
    offers = read_offer_set(answer.content)
    assert (answer.status_code, offers.result) == (303, "YES")
    assert answer.headers["Location"] == f"{each.url}/offersets/{offers.uuid}" == offers.url
    assert [offer.url for offer in offers.offers] == [
        f"{each.url}/sessions/{offer.uuid}" for offer in offers.offers
    ]


def test_no_comes_with_303_and_reasons_too(each: Asking, bench: EmbeddedBench) -> None:
    answer = each.submit(bench.impossible())
    assert (answer.status_code, answer.json()["result"]) == (303, "NO")
    assert "cores" in messages_of(answer.json())
    assert "offers" not in answer.json()
    again = each.get(answer.headers["Location"])
    assert (again.status_code, again.json()["result"]) == (200, "NO")


def test_an_offer_set_is_read_again_with_offers_as_they_are_now(each: Asking, bench: EmbeddedBench) -> None:
    answer = each.submit(bench.alternatives())
    first, second = (uuid_of(offer) for offer in answer.json()["offers"])
    each.update(first, "ACCEPTED")
    each.final(first)
    found = each.get(answer.headers["Location"]).json()
    assert {uuid_of(offer): offer["phase"] for offer in found["offers"]} == {
        first: "COMPLETED",
        second: "REJECTED",
    }


def test_a_step_is_submitted_accepted_watched_and_fetched(each: Asking) -> None:
    session = each.finished(making("echo found; echo lost >&2; echo stars > /output/cat.txt"))
    assert session["phase"] == "COMPLETED"
    read = read_session(each.get(url_of(session)).content)
    fetched = [httpx.get(location).text for location in locations(session, "-get")]
    assert fetched == ["found\n", "lost\n"]
    [product] = locations(session, "connector/product")
    assert product == f"{each.url}/sessions/{read.uuid}/products/output/cat.txt"
    assert httpx.get(product).text == "stars\n"


def test_direct_execution_starts_the_session_at_once(root: str, bench: EmbeddedBench) -> None:
    for dialect in (Dialect.B1, Dialect.B2, Dialect.NEUTRAL):
        asking = Asking(root, dialect)
        answer = asking.execute(bench.succeeding())
        session = uuid_of(answer.json())
        assert answer.status_code == 303
        assert answer.headers["Location"] == f"{asking.url}/sessions/{session}"
        assert answer.json()["phase"] not in {"OFFERED", "REJECTED", "EXPIRED"}
        assert asking.final(session)["phase"] == "COMPLETED"


def test_direct_execution_of_what_can_not_run_is_400_with_reasons(b2: Asking, bench: EmbeddedBench) -> None:
    answer = b2.execute(bench.impossible())
    assert answer.status_code == 400
    assert "makes no offer" in answer.json()["message"]
    assert "cores" in answer.json()["message"]


@pytest.mark.parametrize(("path", "status"), [("/sessions", 404), ("/direct", 404), ("/requests", 404)])
def test_a_has_no_direct_execution(root: str, bench: EmbeddedBench, path: str, status: int) -> None:
    assert Asking(root, Dialect.A).submit(bench.succeeding(), path).status_code == status


def test_how_a_program_failed_is_a_message_where_there_is_no_other_place(
    root: str, bench: EmbeddedBench
) -> None:
    for dialect in (Dialect.A, Dialect.B1, Dialect.B2):
        session = Asking(root, dialect).finished(bench.failing(3))
        told = read_session(Asking(root, dialect).get(url_of(session)).content).messages
        [outcome] = [each for each in told if each.kind == "urn:eb-prefect:message/outcome"]
        assert (session["phase"], outcome.values["exit_code"], outcome.level) == ("FAILED", "3", "ERROR")
        assert outcome.text.startswith("it exited 3, it ran ")


def test_neutral_loses_nothing(root: str, bench: EmbeddedBench) -> None:
    asking = Asking(root, Dialect.NEUTRAL)
    told = read_session(asking.get(f"/sessions/{uuid_of(asking.finished(bench.failing(3)))}").content)
    kept = bench.broker().session(told.uuid)
    changed = {"raw", "url", "connectors", "products"}
    assert told.model_dump(exclude=changed) == kept.model_dump(exclude=changed)
    assert told.outcome is not None


@pytest.mark.parametrize("path", ["phase", "/phase"])
def test_a_phase_is_changed_by_its_name_or_pointer(each: Asking, bench: EmbeddedBench, path: str) -> None:
    session = each.offered(bench.succeeding())
    assert each.update(session, "ACCEPTED", path).json()["phase"] != "OFFERED"
    each.final(session)


@pytest.mark.parametrize(
    ("value", "path"),
    [("COMPLETED", "phase"), ("nonsense", "phase"), ("ACCEPTED", "name"), ("", "phase")],
)
def test_an_update_that_means_nothing_changes_nothing(
    each: Asking, bench: EmbeddedBench, value: str, path: str
) -> None:
    session = each.offered(bench.succeeding())
    answer = each.update(session, value, path)
    assert (answer.status_code, answer.json()["phase"]) == (200, "OFFERED")


def test_an_update_of_another_type_changes_nothing(b2: Asking, bench: EmbeddedBench) -> None:
    session = b2.offered(bench.succeeding())
    update = {"kind": "uri:string-value-update", "path": "phase", "value": "ACCEPTED"}
    answer = b2.post(f"/sessions/{session}", update)
    assert (answer.status_code, answer.json()["phase"]) == (200, "OFFERED")


def test_late_updates_change_nothing(each: Asking, bench: EmbeddedBench) -> None:
    session = uuid_of(each.finished(bench.succeeding()))
    for value in ("ACCEPTED", "REJECTED", "CANCELLED", "FAILED"):
        answer = each.update(session, value)
        assert (answer.status_code, answer.json()["phase"]) == (200, "COMPLETED")


def test_an_open_offer_can_be_rejected_and_then_not_be_accepted(each: Asking, bench: EmbeddedBench) -> None:
    session = each.offered(bench.succeeding())
    assert each.update(session, "REJECTED").json()["phase"] == "REJECTED"
    answer = each.update(session, "ACCEPTED")
    assert (answer.status_code, answer.json()["phase"]) == (200, "REJECTED")


def test_to_reject_an_accepted_session_does_not_end_it(b2: Asking, bench: EmbeddedBench) -> None:
    session = b2.started(bench.lasting(0.3))
    assert b2.update(session, "REJECTED").status_code == 200
    assert b2.final(session)["phase"] == "COMPLETED"


@pytest.mark.parametrize("value", ["CANCELLED", "FAILED"])
def test_a_client_that_gives_up_cancels(each: Asking, bench: EmbeddedBench, value: str) -> None:
    session = each.started(bench.lasting(60))
    assert each.update(session, value).status_code == 200
    assert each.final(session)["phase"] == "CANCELLED"


def test_an_expired_offer_is_told_as_that(bench: EmbeddedBench) -> None:
    broker = EmbeddedBroker(bench.home, offer_life=timedelta(seconds=0))
    with serving(broker, home=bench.home) as root:
        session = Asking(root).offered(bench.succeeding())
        answer = Asking(root).update(session, "ACCEPTED")
    assert (answer.status_code, answer.json()["phase"]) == (200, "EXPIRED")


def test_what_is_not_there_is_404_and_no_uuid_is_400(each: Asking) -> None:
    unknown = uuid.uuid4()
    for path in (f"/sessions/{unknown}", f"/offersets/{unknown}", f"/sessions/{unknown}/docker/stdout-get"):
        assert each.get(path).status_code == 404
        assert each.get(path.replace(str(unknown), "no-uuid")).status_code == 400
    assert each.update(str(unknown), "ACCEPTED").status_code == 404
    assert each.update("no-uuid", "ACCEPTED").status_code == 400


def test_an_offer_set_is_no_session_and_a_session_no_offer_set(b2: Asking, bench: EmbeddedBench) -> None:
    answer = b2.submit(bench.succeeding()).json()
    assert b2.get(f"/sessions/{uuid_of(answer)}").status_code == 404
    assert b2.get(f"/offersets/{uuid_of(answer['offers'][0])}").status_code == 404


def test_a_uuid_may_be_in_capitals(b2: Asking, bench: EmbeddedBench) -> None:
    session = b2.offered(bench.succeeding())
    assert uuid_of(b2.session(session.upper())) == session


def test_accepts_at_the_same_time_run_it_once(each: Asking, bench: EmbeddedBench) -> None:
    before = bench.starts()
    session = each.offered(bench.succeeding())
    with ThreadPoolExecutor(16) as clients:
        answers = list(clients.map(lambda _: each.update(session, "ACCEPTED"), range(16)))
    assert {answer.status_code for answer in answers} == {200}
    each.final(session)
    assert bench.starts() == before + 1


def test_the_root_speaks_the_default_dialect(root: str, bench: EmbeddedBench) -> None:
    posted = Asking(root).written(bench.succeeding())
    answer = httpx.post(f"{root}/requests", json=posted)
    assert (answer.status_code, url_of(answer.json())) == (303, answer.headers["Location"])
    assert answer.headers["Location"].startswith(f"{root}/offersets/")
    with serving(bench.broker(), home=bench.home, dialect=Dialect.A) as other:
        assert httpx.post(f"{other}/requests", json=posted).status_code == 404
        assert (
            httpx.post(f"{other}/offersets", json=Asking(root, Dialect.A).written(bench.succeeding())).json()[
                "result"
            ]
            == "YES"
        )


def test_a_session_of_one_dialect_is_read_in_all(root: str, bench: EmbeddedBench) -> None:
    session = uuid_of(Asking(root, Dialect.NEUTRAL).finished(bench.succeeding()))
    for dialect in (Dialect.A, Dialect.B1, Dialect.B2):
        assert read_session(Asking(root, dialect).get(f"/sessions/{session}").content).uuid == session
