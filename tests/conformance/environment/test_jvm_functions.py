"""What the JVM runtime makes of requests, answers and packages in Java."""

from __future__ import annotations

import concurrent.futures
import pathlib
import shutil
import signal
from collections.abc import Callable, Iterator

import pytest

from tests.conformance.environment import catalog, processes
from tests.support import javac

Make = Callable[..., pathlib.Path]


@pytest.fixture(scope="module")
def jvm(prepare: Callable[[catalog.Runtime], processes.Prepared]) -> processes.Prepared:
    return prepare(catalog.find("jvm"))


@pytest.fixture(scope="module")
def classes(
    jvm: processes.Prepared, tmp_path_factory: pytest.TempPathFactory
) -> tuple[pathlib.Path, pathlib.Path]:
    """The compiled samples, and the compiled types of a function's signature."""
    folder = tmp_path_factory.mktemp("special")
    javac.compile_folder(catalog.find("jvm").samples / "special", folder / "own", with_types=True)
    for name in ("io", "org"):
        shutil.move(folder / "own" / name, folder / "types" / name)
    (folder / "own" / "special" / "Failures$Missing.class").unlink()
    return folder / "own", folder / "types"


@pytest.fixture(scope="module")
def special(
    jvm: processes.Prepared,
    classes: tuple[pathlib.Path, pathlib.Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[processes.Process]:
    """A process with the sample loaded, from a folder with classes."""
    with processes.running(jvm, tmp_path_factory.mktemp("special-pod")) as process:
        shutil.copytree(classes[0], process.volume / "deployarchive")
        assert process.specialize("special.Special").text == "Done"
        yield process


@pytest.mark.parametrize(
    ("content_type", "body", "type_of_body"),
    [
        ("application/json", b'{"a": 1}', "LinkedHashMap"),
        ("application/problem+json; charset=utf-8", b"[1]", "ArrayList"),
        ("application/json", b'"text"', "String"),
        ("text/plain", b"text", "String"),
        ("application/x-www-form-urlencoded", b"a=b", "String"),
        ("application/octet-stream", b"text", "byte[]"),
        ("application/json", b"", "null"),
    ],
)
def test_a_body_is_what_its_content_type_says(
    special: processes.Process, content_type: str, body: bytes, type_of_body: str
) -> None:
    assert special.call("POST", "/type", body, Content_Type=content_type).text == type_of_body


def test_json_comes_back_as_it_was(special: processes.Process) -> None:
    sent = '{"a":[1,-2.5,12345678901,123456789012345678901,true,null],"\\u00e9":{"b":"\\n"}}'
    answer = special.call("POST", "/json", sent.encode(), Content_Type="application/json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {
        "a": [1, -2.5, 12345678901, 123456789012345678901, True, None],
        "é": {"b": "\n"},
    }


@pytest.mark.parametrize("body", [b"{", b"[1,]", b"01", b"nul", b'"\x01"', b"[" * 400, b"\xff"])
def test_a_body_that_is_no_json_is_the_callers_fault(
    special: processes.Process, body: bytes
) -> None:
    answer = special.call("POST", "/json", body, Content_Type="application/json")
    assert answer.status == 400
    assert answer.text.startswith("the body is not JSON: ")


def test_records_and_numbers_are_answered_as_json(special: processes.Process) -> None:
    assert special.call(path="/record").json() == {
        "point": {"x": 1, "y": 2.5, "tags": ['a"b', "é"]}
    }
    assert special.call(path="/number").text == "1000"


def test_an_object_without_a_form_is_refused_by_name(special: processes.Process) -> None:
    answer = special.call(path="/opaque")
    assert (answer.status, answer.text) == (500, "Internal Server Error\n")
    special.wait_log("an object of special.Special$Opaque has no form in JSON; return text, bytes")


def test_the_context_has_the_query_and_the_functions_name(special: processes.Process) -> None:
    assert special.call(path="/query?a=1&b=x%20y+z&a=2&c").json() == {
        "a": ["1", "2"],
        "b": ["x y z"],
        "c": [""],
    }
    assert special.call(path="/who").text == "default/f"


def test_answers_without_a_body(special: processes.Process) -> None:
    assert special.call(path="/null").status == 200
    assert special.call(path="/none").status == 204


def test_headers_are_the_functions_but_for_framing(special: processes.Process) -> None:
    answer = special.call(path="/header")
    assert (answer.status, answer.text) == (203, "text")
    assert answer.headers.get_all("X-One") == ["a", "b"]
    assert answer.headers["Transfer-Encoding"] is None


def test_a_header_that_would_split_the_answer_is_refused(special: processes.Process) -> None:
    answer = special.call(path="/split")
    assert answer.status == 500
    assert answer.headers["X-Worse"] is None
    special.wait_log('header "X-Bad" of the answer has a character that headers cannot hold')


def test_a_call_that_takes_all_memory_fails_alone(special: processes.Process) -> None:
    assert special.call(path="/memory").status == 500
    special.wait_log("java.lang.OutOfMemoryError")
    assert special.call(path="/none").status == 204


def test_a_target_that_java_would_not_take_is_escaped(special: processes.Process) -> None:
    assert special.call(path="/query?a={b}|%zz^").json() == {"a": ["{b}|%zz^"]}


def test_the_log_has_the_functions_part_of_a_stack_trace(special: processes.Process) -> None:
    assert special.call(path="/nowhere").status == 500
    special.wait_log("at function//special.Special.call(Special.java:")
    assert "io.fission.runtime" not in special.log()


def test_what_a_function_starts_does_not_inherit_the_socket(special: processes.Process) -> None:
    before = len(special.log())
    assert special.call(path="/start").text == "0"
    shown = special.log()[before:]
    assert "0 -> /dev/null" in shown
    assert "socket:" not in shown


def test_threads_of_calls_have_the_functions_class_loader(special: processes.Process) -> None:
    assert special.call(path="/thread").text == "true"
    assert special.call(path="/loader").text == "false"


def test_a_package_with_spring_of_its_own_uses_that_one(
    jvm: processes.Prepared, classes: tuple[pathlib.Path, pathlib.Path], tmp_path: pathlib.Path
) -> None:
    own, types = classes
    with processes.running(jvm, tmp_path / "pod") as process:
        everything = tmp_path / "everything"
        shutil.copytree(own, everything)
        shutil.copytree(types / "org", everything / "org")
        javac.pack(everything, process.volume / "deployarchive")
        assert process.specialize("special.Special").text == "Done", process.state()
        assert process.call(path="/loader").text == "true"
        assert process.call(path="/header").headers.get_all("X-One") == ["a", "b"]
        assert process.call(path="/record").json()["point"]["x"] == 1


def test_a_folder_of_jar_files_is_loaded_and_the_function_closed_at_the_end(
    jvm: processes.Prepared, classes: tuple[pathlib.Path, pathlib.Path], tmp_path: pathlib.Path
) -> None:
    with processes.running(jvm, tmp_path) as process:
        (process.volume / "deployarchive" / "lib").mkdir(parents=True)
        javac.pack(classes[0], process.volume / "deployarchive" / "lib" / "f.jar")
        assert process.specialize("special.Special").text == "Done", process.state()
        assert process.call(path="/none").status == 204
        process.process.send_signal(signal.SIGTERM)
        assert process.process.wait(processes.DEADLINE_SECONDS) == 0
        assert process.log() == "closed\n"
        assert sorted(path.name for path in process.volume.iterdir()) == ["deployarchive"]


def test_the_only_file_of_a_package_is_loaded_whatever_its_name(
    jvm: processes.Prepared, classes: tuple[pathlib.Path, pathlib.Path], tmp_path: pathlib.Path
) -> None:
    """What a build makes is packed once more where the environment does not keep archives."""
    with processes.running(jvm, tmp_path) as process:
        (process.volume / "deployarchive").mkdir()
        javac.pack(classes[0], process.volume / "deployarchive" / "report-1a2b-kfwdg6")
        assert process.specialize("special.Special").text == "Done", process.state()
        assert process.call(path="/none").status == 204


@pytest.mark.parametrize(
    ("entry_point", "status", "reason"),
    [
        ("", 400, "functionName is missing"),
        ("Failures", 400, "it has special.Failures. The entry point is the full name"),
        ("special.Failures$Plain", 400, "does not implement io.fission.Function"),
        ("special.Failures$Private", 400, "a public constructor without parameters"),
        ("special.Failures$Constructor", 500, "Caused by: java.lang.RuntimeException: the cause"),
        ("special.Failures$Static", 500, 'NumberFormatException: For input string: "no number"'),
        (
            "special.Failures$Needy",
            500,
            "class special.Failures$Missing is not in the package; pack it",
        ),
    ],
)
def test_a_class_that_is_no_function_is_refused_with_its_reason(
    failing: processes.Process, entry_point: str, status: int, reason: str
) -> None:
    answer = failing.specialize(entry_point)
    assert answer.status == status, f"{answer}; {failing.state()}"
    assert reason in answer.text


@pytest.fixture(scope="module")
def failing(
    jvm: processes.Prepared,
    classes: tuple[pathlib.Path, pathlib.Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[processes.Process]:
    """A process that nothing can be loaded into."""
    with processes.running(jvm, tmp_path_factory.mktemp("failing-pod")) as process:
        javac.pack(classes[0], process.volume / "deployarchive")
        yield process


def test_an_executable_jar_file_of_spring_boot_is_named(
    failing: processes.Process, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "BOOT-INF" / "classes").mkdir(parents=True)
    (tmp_path / "BOOT-INF" / "classes" / "A.class").touch()
    javac.pack(tmp_path, failing.volume / "boot.jar", folders=True)
    answer = failing.specialize("A", filepath="/userfunc/boot.jar")
    assert answer.status == 400
    assert "an executable JAR of Spring Boot" in answer.text


def test_calls_beyond_the_threads_wait_and_none_is_lost(
    jvm: processes.Prepared, tmp_path: pathlib.Path
) -> None:
    with processes.running(jvm, tmp_path, env={"JVM_OPTS": "-Dfission.threads=2"}) as process:
        process.load(process.runtime.probe)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(process.call, "POST", "/slow", b"100") for _ in range(8)]
            assert {call.result().text for call in calls} == {"slept"}


def test_classes_come_from_the_shared_archive(
    jvm: processes.Prepared, tmp_path: pathlib.Path
) -> None:
    options = {"JVM_OPTS": "-Xlog:class+load=info:stderr"}
    with processes.running(jvm, tmp_path, env=options) as process:
        assert process.call(path="/healthz").status == 200
        loaded = [line for line in process.log().splitlines() if "io.fission.runtime." in line]
        assert len(loaded) > 10
        strangers = [line for line in loaded if "shared objects file (top)" not in line]
        assert [line for line in strangers if "Lambda" not in line] == []
