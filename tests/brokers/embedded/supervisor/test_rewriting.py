# SPDX-License-Identifier: Apache-2.0
import pytest

from eb_prefect.brokers.embedded.supervisor.rewriting import rewritten

BINDS = [["/home/v/0", "/in", "ro"], ["/home/d", "/in/x", "ro"], ["/home/v/1", "/out", "rw"]]


@pytest.mark.parametrize(
    ("word", "becomes"),
    [
        ("/in", "/home/v/0"),
        ("/in/x", "/home/v/0/x"),
        ("--from=/in/x", "--from=/home/v/0/x"),
        ("cat '/in/x' >/out/y", "cat '/home/v/0/x' >/home/v/1/y"),
        ("/in:/out", "/home/v/0:/home/v/1"),
        ("/input", "/input"),
        ("/a/in", "/a/in"),
        ("s3://bucket/in", "s3://bucket/in"),
        ("../in", "../in"),
        ("", ""),
    ],
)
def test_a_volume_s_path_is_replaced_where_it_stands_as_a_path(word: str, becomes: str) -> None:
    assert rewritten(word, BINDS) == becomes
