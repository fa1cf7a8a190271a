# SPDX-License-Identifier: Apache-2.0
import hashlib
import json
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement

from provenance.exports.export import export, exported
from provenance.exports.story import Story
from provenance.record import StepRecord


def statement(record: StepRecord) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(export(record, "in-toto"))
    return told


def test_the_statement_is_one_by_the_public_library(record: StepRecord) -> None:
    told = ParseDict(statement(record), statement_pb2.Statement())
    Statement.copy_from_pb(told).validate()


def test_the_predicate_is_slsa_provenance(record: StepRecord) -> None:
    predicate = ParseDict(statement(record)["predicate"], provenance_pb2.Provenance())
    assert predicate.build_definition.build_type
    assert predicate.run_details.builder.id
    for one in predicate.build_definition.resolved_dependencies:
        ResourceDescriptor.copy_from_pb(one).validate()


def test_subjects_are_the_products_by_digest(program: StepRecord) -> None:
    (subject,) = statement(program)["subject"]
    assert (subject["name"], subject["digest"]) == ("out.fits", {"sha256": "ab" * 32})


def test_the_file_at_hand_is_a_subject_as_it_is_now(program: StepRecord, tmp_path: Path) -> None:
    file = tmp_path / "here.fits"
    file.write_bytes(b"pixels and a record")
    told = json.loads(exported(Story(program, (), "out.fits", file), "in-toto"))
    assert told["subject"][0]["name"] == "here.fits"
    assert told["subject"][0]["digest"] == {"sha256": hashlib.sha256(b"pixels and a record").hexdigest()}


def test_without_products_the_record_is_the_subject(records: dict[str, StepRecord]) -> None:
    (subject,) = statement(records["failed"])["subject"]
    assert subject["digest"]["sha256"] == hashlib.sha256(records["failed"].text.encode()).hexdigest()


def test_the_request_is_the_external_parameters(program: StepRecord) -> None:
    definition = statement(program)["predicate"]["buildDefinition"]
    assert program.request is not None
    assert definition["externalParameters"]["request"] == program.request.neutral()


def test_data_and_image_are_dependencies_by_digest(records: dict[str, StepRecord]) -> None:
    needs = statement(records["container"])["predicate"]["buildDefinition"]["resolvedDependencies"]
    digests = {one["name"]: one.get("digest") for one in needs}
    assert digests["image"] == {"sha256": "ab" * 32}
    assert digests["ghcr.io/team/smooth:1.2"] == {"sha256": "cd" * 32}
