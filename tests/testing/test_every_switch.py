# SPDX-License-Identifier: Apache-2.0
from dataclasses import fields
from pathlib import Path

import pytest

from eb_prefect.testing.faults import NONE, Faults

HERE = Path(__file__).parent
CLIENT = (HERE.parent / "brokers/http/test_faults.py").read_text()
TESTS = "".join(
    (HERE / name).read_text() for name in ("test_faults.py", "test_wire_faults.py", "test_pushing.py")
)


@pytest.mark.parametrize("switch", [field.name for field in fields(Faults)])
def test_each_switch_is_off_and_has_a_test(switch: str) -> None:
    assert not getattr(NONE, switch)
    assert f"{switch}=" in TESTS or f'"{switch}"' in TESTS


@pytest.mark.parametrize("switch", [field.name for field in fields(Faults) if "pushes" not in field.name])
def test_each_switch_is_tried_on_our_own_client(switch: str) -> None:
    assert f"{switch}=" in CLIENT or f'"{switch}"' in CLIENT
