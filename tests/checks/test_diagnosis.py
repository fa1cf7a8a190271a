# SPDX-License-Identifier: Apache-2.0
"""Faults of form and of meaning, told together."""

from eb_prefect.diagnosis import diagnose

B1 = "https://www.purl.org/ivoa.net/EB/schema/v1.0"


def test_faults_of_form_and_meaning_are_told_together() -> None:
    found = diagnose("""
executable: {kind: executable/program, command: {a: 1}}
compute: {cores: {min: two, max: 0}, volumes: [ghost]}
data: [{name: a, location: a.fits}, 5]
""")
    assert [fault.path for fault in found.faults] == [
        "compute.volumes[0]",
        "executable.command",
        "compute.cores.min",
        "data[1]",
        "compute.cores.max",
        "data[0].location",
    ]


def test_what_the_dialects_servers_refuse_is_a_warning() -> None:
    found = diagnose(f"""
executable: {{kind: {B1}//types/executable/jupyter-notebook-1.0, location: "https://example.org/n.ipynb"}}
compute: {{cores: {{min: 1}}}}
data: [{{type: https://www.purl.org/ivoa.net/EB/schema/types/data/simple-data-resource-1.0, location: "file:///a"}}]
""")
    assert found.faults == ()
    assert [warning.path for warning in found.warnings] == ["", "executable.kind", "compute.kind"]


def test_the_neutral_form_needs_no_plain_kinds() -> None:
    found = diagnose("{executable: {kind: executable/program, command: [x]}, compute: {cores: {min: 1}}}")
    assert (found.faults, found.warnings) == ((), ())


def test_an_answer_that_is_neither_yes_nor_no_is_a_fault() -> None:
    assert [fault.path for fault in diagnose("result: PERHAPS").faults] == ["result"]


def test_yes_without_offers_is_a_fault_and_no_without_reason_a_warning() -> None:
    assert [fault.path for fault in diagnose("result: YES").faults] == ["offers"]
    assert [warning.path for warning in diagnose("result: NO").warnings] == ["messages"]


def test_an_unknown_phase_is_a_warning() -> None:
    found = diagnose("{uuid: u, phase: PONDERING, mood: calm}")
    assert (found.faults, [warning.path for warning in found.warnings]) == ((), ["phase", "mood"])


def test_a_session_without_identifier_is_a_fault() -> None:
    assert [fault.path for fault in diagnose("phase: RUNNING").faults] == ["uuid"]
