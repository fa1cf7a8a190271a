# SPDX-License-Identifier: Apache-2.0
import hashlib
import zlib
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from eb_prefect.model.phase import Phase
from eb_prefect.model.session import Session
from tests.brokers.embedded.bench import (
    EmbeddedBench,
    data,
    program,
    reasons,
    run,
    storage,
    stream,
    texts,
    volume,
)

# paths that no machine has
INPUT, OUTPUT = "/eb-input", "/eb-output/deep"
PHOTONS = b"photons\n"
OTHER_DIGITS = str.maketrans("0123456789", "1234567890")


def shell(text: str, *volumes: dict[str, object], **parts: object) -> object:
    return program("sh", "-c", text, compute={"volumes": volumes}, **parts)


@pytest.fixture
def science(tmp_path: Path) -> Path:
    path = tmp_path / "science file.txt"
    path.write_text("photons\n")
    return path


def content_of(session: Session) -> dict[str, str]:
    return {
        product.name: Path(unquote(urlsplit(product.location).path)).read_text()
        for product in session.products
    }


def test_one_readonly_file_is_at_the_path_itself(either_bench: EmbeddedBench, science: Path) -> None:
    request = shell(f"cat {INPUT}", volume(INPUT, "in"), data=[data("in", science.as_uri())])
    session = run(either_bench, request)
    assert stream(either_bench, session) == "photons\n"
    (staged,) = session.data
    assert staged.checksum is not None
    assert staged.checksum.value == hashlib.sha256(PHOTONS).hexdigest()


def test_one_file_is_content_in_a_directory_where_the_request_says_so(
    either_bench: EmbeddedBench, science: Path
) -> None:
    request = shell(
        'cat "$INPUT"',
        volume(INPUT, "in"),
        data=[data("in", science.as_uri())],
    )
    executable = request.executable.model_copy(update={"environment": {"INPUT": f"{INPUT}/content"}})
    session = run(either_bench, request.model_copy(update={"executable": executable}))
    assert stream(either_bench, session) == "photons\n"


def test_several_resources_are_under_their_names(either_bench: EmbeddedBench, science: Path) -> None:
    request = shell(
        f"cd {INPUT} && ls && cat one two",
        volume(INPUT, "one", "two"),
        data=[data("one", science.as_uri()), data("two", science.as_uri())],
    )
    assert stream(either_bench, run(either_bench, request)) == "one\ntwo\nphotons\nphotons\n"


def test_a_directory_is_a_resource_too(either_bench: EmbeddedBench, science: Path) -> None:
    folder = science.parent / "folder"
    folder.mkdir()
    (folder / "a").write_text("a\n")
    request = shell(f"cat {INPUT}/a", volume(INPUT, "in"), data=[data("in", folder.as_uri())])
    assert stream(either_bench, run(either_bench, request)) == "a\n"


def test_files_in_a_writable_volume_are_the_products(either_bench: EmbeddedBench) -> None:
    request = shell(
        f"mkdir {OUTPUT}/sub && echo one > {OUTPUT}/one && echo two > {OUTPUT}/sub/two",
        volume(OUTPUT, "room", mode="READWRITE", name="results"),
        storage=[storage("room")],
    )
    session = run(either_bench, request)
    assert content_of(session) == {"one": "one\n", "sub/two": "two\n"}
    assert {product.volume for product in session.products} == {"results"}
    digests = {product.checksum.value for product in session.products if product.checksum}
    assert digests == {hashlib.sha256(text).hexdigest() for text in (b"one\n", b"two\n")}


def test_products_keep_whatever_name_they_have(either_bench: EmbeddedBench) -> None:
    request = shell(
        f"cd {OUTPUT} && touch 'a b%' \"$(printf 'na\\351')\"",
        volume(OUTPUT, "room", mode="READWRITE"),
        storage=[storage("room")],
    )
    session = run(either_bench, request)
    assert [product.name for product in session.products] == ["a b%", "na\\xe9"]
    paths = [unquote(urlsplit(p.location).path, errors="surrogateescape") for p in session.products]
    assert all(Path(path).is_file() for path in paths)


def test_links_and_pipes_are_no_products_and_it_is_said(either_bench: EmbeddedBench) -> None:
    request = shell(
        f"cd {OUTPUT} && ln -s /etc/passwd link && mkfifo pipe",
        volume(OUTPUT, "room", mode="READWRITE"),
        storage=[storage("room")],
    )
    session = run(either_bench, request)
    assert session.products == ()
    assert "link is a symbolic link" in texts(session)
    assert "pipe is no regular file" in texts(session)


def test_a_writable_input_is_a_private_copy(either_bench: EmbeddedBench, science: Path) -> None:
    request = shell(
        f"echo more >> {INPUT}", volume(INPUT, "in", mode="READWRITE"), data=[data("in", science.as_uri())]
    )
    session = run(either_bench, request)
    assert list(content_of(session).values()) == ["photons\nmore\n"]
    assert science.read_text() == "photons\n"


def test_a_writable_input_that_was_not_changed_is_no_product(bench: EmbeddedBench, science: Path) -> None:
    request = shell(
        f"cat {INPUT}", volume(INPUT, "in", mode="READWRITE"), data=[data("in", science.as_uri())]
    )
    assert run(bench, request).products == ()


@pytest.mark.parametrize("target", [INPUT, f"{INPUT}/in"])
def test_a_readonly_volume_can_not_be_written(bench: EmbeddedBench, science: Path, target: str) -> None:
    cardinality = "INSTANCE" if target == INPUT else "CONTAINER"
    request = shell(
        f"echo no > {target} || rm {target} || touch {INPUT}/new || echo kept",
        volume(INPUT, "in", cardinality=cardinality),
        data=[data("in", science.as_uri())],
    )
    assert stream(bench, run(bench, request)) == "kept\n"
    assert science.read_text() == "photons\n"


def test_where_nothing_mounts_a_write_to_a_readonly_file_fails_the_session(
    tmp_path: Path, science: Path
) -> None:
    bench = EmbeddedBench(tmp_path, may_mount=False)
    request = shell(
        f"chmod u+w {INPUT}; echo no > {INPUT}", volume(INPUT, "in"), data=[data("in", science.as_uri())]
    )
    session = run(bench, request)
    assert session.phase == Phase.FAILED
    assert "mounted READONLY" in texts(session)
    assert science.read_text() == "photons\n"


def test_where_nothing_mounts_the_session_says_what_was_done(tmp_path: Path, science: Path) -> None:
    bench = EmbeddedBench(tmp_path, may_mount=False)
    request = shell(f"cat {INPUT}", volume(INPUT, "in"), data=[data("in", science.as_uri())])
    session = run(bench, request)
    (message,) = [message for message in session.messages if message.level == "WARN"]
    assert "can't mount volumes at their paths" in message.text


@pytest.mark.parametrize("parts", ["new", "new/deeper", "there", "there/new", "file"])
def test_a_volume_below_a_directory_of_the_machine_leaves_no_trace(
    bench: EmbeddedBench, science: Path, tmp_path: Path, parts: str
) -> None:
    place = tmp_path / "place"
    (place / "there").mkdir(parents=True)
    (place / "there" / "old").write_text("old\n")
    (place / "file").write_text("file\n")
    before = sorted(str(path) for path in place.rglob("*"))
    seen = place / parts
    where = str(seen) if parts == "file" else f"{seen}/in"
    request = shell(
        f"cat {where} && cat {place}/there/old; test -e {place}/file",
        volume(str(seen), "in", cardinality="INSTANCE" if parts == "file" else "CONTAINER"),
        data=[data("in", science.as_uri())],
    )
    session = run(bench, request)
    hidden = parts == "there"
    assert stream(bench, session) == ("photons\n" if hidden else "photons\nold\n")
    assert session.phase == Phase.COMPLETED
    assert sorted(str(path) for path in place.rglob("*")) == before


def test_an_input_that_changes_meanwhile_is_told(bench: EmbeddedBench, science: Path) -> None:
    request = shell(
        f"cat {INPUT}; echo new > '{science}'", volume(INPUT, "in"), data=[data("in", science.as_uri())]
    )
    assert "was changed by someone while the session ran" in texts(run(bench, request))


def test_a_resource_in_no_volume_is_left_alone_and_it_is_said(bench: EmbeddedBench, science: Path) -> None:
    session = run(bench, shell("true", data=[data("in", science.as_uri())]))
    assert session.data[0].checksum is None
    assert "'in' is in no volume" in texts(session)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("adler32", f"{zlib.adler32(PHOTONS):08x}"),
        ("md5", hashlib.md5(PHOTONS).hexdigest()),
        ("SHA-256", hashlib.sha256(PHOTONS).hexdigest().upper()),
    ],
)
def test_a_declared_checksum_is_verified(bench: EmbeddedBench, science: Path, kind: str, value: str) -> None:
    for given, phase in ((value, Phase.COMPLETED), (value.translate(OTHER_DIGITS), Phase.FAILED)):
        checksum = {"type": kind, "value": given}
        resource = data("in", science.as_uri(), checksum=checksum)
        session = run(bench, shell(f"cat {INPUT}", volume(INPUT, "in"), data=[resource]))
        assert session.phase == phase, texts(session)


def test_both_values_of_a_mismatch_are_told(bench: EmbeddedBench, science: Path) -> None:
    checksum = {"type": "sha-256", "value": "0" * 64}
    request = bench.script(
        "true",
        compute={"volumes": [volume(INPUT, "in")]},
        data=[data("in", science.as_uri(), checksum=checksum)],
    )
    said = texts(run(bench, request))
    assert hashlib.sha256(PHOTONS).hexdigest() in said
    assert "0" * 64 in said
    assert bench.starts() == 0


@pytest.mark.parametrize(
    ("volumes", "reason"),
    [
        ([volume("/a", "in"), volume("/a/b", "in")], "lie inside one another"),
        ([volume("/proc/x", "in")], "the system itself"),
        ([{"kind": "volume/other", "path": "/a"}], "volume/other"),
        ([volume("/a", "nothing")], "nothing"),
        ([volume("relative", "in")], "relative"),
    ],
)
def test_volumes_that_can_not_be_are_refused(
    bench: EmbeddedBench, science: Path, volumes: list[object], reason: str
) -> None:
    request = program("true", compute={"volumes": volumes}, data=[data("in", science.as_uri())])
    assert reason in reasons(bench, request)
