# SPDX-License-Identifier: Apache-2.0
"""What each switch makes a broker do, in memory."""

from typing import Any

import pytest

from eb_prefect.errors import OfferGoneError, UnknownSessionError
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Session
from eb_prefect.testing.clock import Clock
from eb_prefect.testing.faults import Faults
from eb_prefect.testing.scripted import ScriptedBroker
from tests.testing.speaking import LONG

SKY = {"kind": "data/simple-data-resource", "name": "sky", "location": "https://example.org/sky.fits"}
REQUEST: dict[str, Any] = {
    "executable": {"kind": "executable/program", "command": ["cut", "--box", "64"]},
    "compute": {"cores": {"min": 3, "max": 5}, "memory": {"min": 7, "max": 9}},
}
FAILING = ((0.0, "RUNNING"), (100.0, "FAILED"))


def request(**parts: Any) -> ExecutionRequest:
    return ExecutionRequest.model_validate(REQUEST | parts)


class Bench:
    """A faulty broker and its clock."""

    def __init__(
        self, script: Any = LONG, *, streams: Any = None, refusal: Any = (), **switches: Any
    ) -> None:
        self.clock = Clock()
        self.broker = ScriptedBroker(
            script, clock=self.clock, streams=streams, refusal=refusal, faults=Faults(**switches)
        )

    def offered(self, **parts: Any) -> Session:
        return self.broker.request_offers(request(**parts)).offers[0]

    def accepted(self, **parts: Any) -> Session:
        return self.broker.accept(self.offered(**parts).uuid)

    def after(self, seconds: float, session: Session) -> Session:
        self.clock.advance(seconds)
        return self.broker.session(session.uuid)


def test_a_cancel_does_not_stick() -> None:
    bench = Bench(cancel_does_not_stick=True)
    session = bench.accepted()
    assert bench.broker.cancel(session.uuid).phase == "CANCELLED"
    assert bench.after(10, session).phase == "RUNNING"
    assert bench.after(90, session).phase == "COMPLETED"


def test_a_rejection_does_not_stick_either() -> None:
    bench = Bench(cancel_does_not_stick=True)
    offer = bench.offered()
    assert bench.broker.reject(offer.uuid).phase == "REJECTED"
    assert bench.broker.session(offer.uuid).phase == "OFFERED"


def test_a_cancel_stops_nothing() -> None:
    bench = Bench(cancel_stops_nothing=True, components_change_after_failed=0.0)
    session = bench.accepted()
    bench.broker.cancel(session.uuid)
    running = bench.after(10, session)
    assert (running.phase, running.compute.phase) == ("CANCELLED", "RUNNING")
    assert bench.broker.at_work() == {session.uuid}
    ended = bench.after(90, session)
    assert (ended.phase, ended.compute.phase) == ("CANCELLED", "COMPLETED")


def test_without_a_fault_a_cancel_stops_the_work() -> None:
    bench = Bench()
    session = bench.accepted()
    bench.broker.cancel(session.uuid)
    assert bench.broker.at_work() == frozenset()


def test_it_ignores_updates() -> None:
    bench = Bench(ignores_updates=True)
    offer = bench.offered()
    assert bench.broker.accept(offer.uuid).phase == "OFFERED"
    assert bench.broker.cancel(offer.uuid).phase == "OFFERED"
    assert bench.broker.runs == 0


def test_an_offer_never_expires() -> None:
    bench = Bench(never_expires=True)
    offer = bench.offered()
    assert bench.after(10_000, offer).phase == "OFFERED"
    assert bench.broker.accept(offer.uuid).phase == "PREPARING"


def test_without_a_fault_an_offer_expires() -> None:
    bench = Bench()
    offer = bench.offered()
    assert bench.after(300, offer).phase == "EXPIRED"
    with pytest.raises(OfferGoneError):
        bench.broker.accept(offer.uuid)


def test_an_accept_of_an_expired_offer_is_answered() -> None:
    bench = Bench(expired_is_answered=True)
    offer = bench.offered()
    bench.broker.expire()
    assert bench.broker.accept(offer.uuid).phase == "EXPIRED"
    assert bench.broker.runs == 0


def test_it_is_accepted_for_90_s_and_then_completed() -> None:
    bench = Bench(accepted_for=90.0)
    session = bench.accepted()
    assert bench.after(89.9, session).phase == "ACCEPTED"
    assert bench.after(0.1, session).phase == "COMPLETED"


def test_a_poison_pill_stalls_all_sessions() -> None:
    bench = Bench(poison_pill=True)
    before = bench.accepted()
    poison, later = bench.accepted(data=[SKY]), bench.accepted()
    assert bench.after(10_000, before).phase == "PREPARING"
    assert {bench.broker.session(each.uuid).phase for each in (poison, later)} == {"ACCEPTED"}


def test_after_a_restart_it_knows_nothing() -> None:
    bench = Bench(restart_after=50.0)
    before = bench.accepted()
    assert bench.after(49, before).phase == "RUNNING"
    with pytest.raises(UnknownSessionError):
        bench.after(1, before)
    assert bench.accepted().phase == "PREPARING"


def test_components_change_after_failed() -> None:
    bench = Bench(FAILING, components_change_after_failed=20.0)
    session = bench.after(100, bench.accepted())
    seen = [bench.after(seconds, session) for seconds in (0, 10, 10)]
    assert {each.phase for each in seen} == {"FAILED"}
    assert [each.compute.phase for each in seen] == ["RUNNING", "RELEASING", "FAILED"]
    assert seen[-1].executable.phase == "COMPLETED"


def test_components_stay_available() -> None:
    bench = Bench(components_stay_available=True)
    session = bench.after(10_000, bench.accepted(data=[SKY]))
    parts = (session.executable, session.compute, *session.data)
    assert session.phase == "COMPLETED"
    assert {part.phase for part in parts} == {"AVAILABLE"}


def test_connectors_come_late() -> None:
    locations = []
    for late in (False, True):
        bench = Bench(streams={"stdout": "42"}, connectors_late=late)
        session = bench.accepted()
        running, ended = bench.after(50, session), bench.after(50, session)
        locations.append([bool(each.connectors[0].location) for each in (running, ended)])
    assert locations == [[True, True], [False, True]]


def test_connectors_are_finished_without_a_location() -> None:
    bench = Bench(streams={"stdout": "42"}, connectors_without_location=True)
    connector = bench.after(1000, bench.accepted()).connectors[0]
    assert (connector.status, connector.location) == ("FINISHED", None)


def test_streams_are_truncated() -> None:
    bench = Bench(streams={"stdout": "x" * 70_000 + "end"}, streams_truncated=True)
    location = bench.after(1000, bench.accepted()).connectors[0].location
    text = b"".join(bench.broker.read(location)).decode()
    assert text.startswith("...[truncated]...\nx")
    assert text.endswith("end")
    assert len(text) == 65_536 + len("...[truncated]...\n")


def test_names_are_null() -> None:
    bench = Bench(null_names=True)
    offers = bench.broker.request_offers(request(name="mine"))
    assert (offers.name, offers.offers[0].name) == (None, "null-offer-0")


def test_descriptions_are_dropped() -> None:
    told = Bench(descriptions_dropped=True).offered(executable=REQUEST["executable"] | {"description": "!"})
    assert told.executable.description is None


def test_locations_and_sizes_are_dropped() -> None:
    notebook = {"kind": "executable/jupyter-notebook", "location": "https://example.org/a.ipynb"}
    room = {"kind": "storage/simple-storage-resource", "name": "room", "size": {"min": 5}}
    told = Bench(locations_dropped=True).offered(executable=notebook, storage=[room])
    assert (told.executable.location, told.storage[0].size) == (None, None)


def test_the_executable_is_dropped() -> None:
    container = {"kind": "executable/docker-container", "image": {"locations": ["a"]}, "command": ["b"]}
    told = Bench(executable_dropped=True).offered(executable=container)
    assert told.executable.neutral() == {"kind": "executable/docker-container", "privileged": False}


def test_the_command_is_reordered() -> None:
    assert Bench(command_reordered=True).offered().executable.command == ("64", "--box", "cut")


def test_the_command_is_extended() -> None:
    assert Bench(command_extended=True).offered().executable.command == ("cut", "--box", "64", "--verbose")


def test_memory_is_told_to_be_the_cores() -> None:
    compute = Bench(memory_is_cores=True).offered().compute
    assert compute.memory == compute.cores
    assert compute.memory.min == 3


def test_amounts_are_doubled() -> None:
    compute = Bench(amounts_doubled=True).offered().compute
    assert (compute.cores.min, compute.cores.max) == (6, 6)
    assert (compute.memory.min, compute.memory.max) == (14, 14)


def test_durations_are_rounded_up_to_minutes() -> None:
    asked = {"requested": {"duration": "PT61S"}}
    told = Bench(durations_rounded=True).offered(schedule=asked).compute.schedule.available
    assert told.duration.total_seconds() == 120


def test_storage_is_synthesised() -> None:
    told = Bench(storage_synthesised=True).offered(data=[SKY])
    assert told.storage[0].name == "Storage for [sky]"
    assert told.data[0].storage == told.storage[0].uuid
    assert told.compute.name == "Default compute resource"


def test_the_schedule_is_missing() -> None:
    from eb_prefect.testing.terms import Terms

    bench = Bench()
    bench.broker.offers = [Terms(starts_in=60, lasts=600)]
    assert bench.offered().schedule.available.duration.total_seconds() == 600
    bench.broker.faults = Faults(schedule_missing=True)
    assert bench.offered().schedule is None


def test_a_phase_is_unknown() -> None:
    bench = Bench(unknown_phase="HIBERNATING")
    session = bench.accepted()
    assert bench.after(50, session).phase == "HIBERNATING"
    assert bench.after(50, session).phase == "COMPLETED"


def test_kinds_are_unknown() -> None:
    told = Bench(unknown_kinds=True).offered()
    kinds = [told.data[-1].kind, told.connectors[-1].kind, told.messages[-1].kind]
    assert kinds == ["https://example.org/kinds/data/hologram.yaml", "urn:example:portal", "urn:example:omen"]


def test_fields_are_unknown() -> None:
    told = Bench(unknown_fields=True).offered()
    assert told.model_extra == {"entanglement": {"degree": 3}}
    assert told.compute.model_extra == {"qubits": 12}


def test_no_comes_without_messages() -> None:
    answer = Bench(no_without_messages=True).broker.request_offers(request())
    assert (answer.result, answer.messages, answer.offers) == ("NO", (), ())


def test_messages_are_unfilled() -> None:
    bench = Bench(refusal=["no room"], messages_unfilled=True)
    message = bench.broker.request_offers(request()).messages[0]
    assert (message.message, message.values) == (None, {})
    assert "${resource}" in message.template


def test_yes_comes_without_offers() -> None:
    answer = Bench(yes_without_offers=True).broker.request_offers(request())
    assert (answer.result, answer.offers) == ("YES", ())


def test_offers_are_duplicate() -> None:
    offers = Bench(duplicate_offers=True).broker.request_offers(request()).offers
    assert [offer.uuid for offer in offers] == [offers[0].uuid] * 2


def test_an_answer_has_the_wrong_uuid() -> None:
    bench = Bench()
    session = bench.accepted()
    bench.broker.faults = Faults(wrong_uuid=True)
    assert bench.broker.session(session.uuid).uuid != session.uuid
