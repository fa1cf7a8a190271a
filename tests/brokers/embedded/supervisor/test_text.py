# SPDX-License-Identifier: Apache-2.0
import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from eb_prefect.brokers.embedded.supervisor.text import dumps, instant, scan

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_what_is_written_is_json_and_reads_back(value: object) -> None:
    assert json.loads(dumps(value)) == value
    assert scan(dumps(value), 0)[0] == value


@given(st.floats(min_value=0, max_value=4e9))
def test_instants_are_right_to_the_microsecond(moment: float) -> None:
    found = datetime.fromisoformat(instant(moment))
    assert abs(found - datetime.fromtimestamp(moment, UTC)).total_seconds() < 2e-6
