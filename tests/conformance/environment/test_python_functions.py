"""The shapes of function that the Python runtime serves, and what it says of those it cannot."""

from __future__ import annotations

import concurrent.futures
import pathlib
from collections.abc import Callable, Iterator

import pytest

from tests.conformance.environment import catalog, processes


@pytest.fixture
def log(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "log"


@pytest.fixture
def runtime(
    prepare: Callable[[catalog.Runtime], processes.Prepared], tmp_path: pathlib.Path
) -> Iterator[processes.Process]:
    with processes.running(prepare(catalog.PYTHON), tmp_path) as started:
        yield started


def load(
    runtime: processes.Process, source: str, entry_point: str = "fn.main", **more: int
) -> None:
    runtime.write({"fn.py": source})
    answer = runtime.specialize(entry_point, **more)
    assert (answer.status, answer.text) == (200, "")


def test_flask_request_without_parameters(runtime: processes.Process) -> None:
    load(
        runtime,
        "from flask import request\n"
        "def main():\n"
        "    return f'{request.method} {request.path} {request.args[\"q\"]} {request.json}', 201\n",
    )
    answer = runtime.call("POST", "/a/b?q=1", b'{"x": 2}', Content_Type="application/json")
    assert (answer.status, answer.text) == (201, "POST /a/b 1 {'x': 2}")


RETURNED = [
    ("'text'", 200, "text", "text/html; charset=utf-8"),
    ("b'bytes'", 200, "bytes", "text/html; charset=utf-8"),
    ("{'a': 1}", 200, '{"a":1}\n', "application/json"),
    ("[1, 2]", 200, "[1,2]\n", "application/json"),
    ("('no', 404)", 404, "no", "text/html; charset=utf-8"),
    ("('x', 200, {'Content-Type': 'text/x'})", 200, "x", "text/x"),
    ("flask.Response('r', mimetype='text/plain')", 200, "r", "text/plain; charset=utf-8"),
    ("flask.redirect('/there')", 302, None, "text/html; charset=utf-8"),
    ("(piece for piece in 'abc')", 200, "abc", "text/html; charset=utf-8"),
    ("flask.abort(418)", 418, None, "text/html; charset=utf-8"),
]


def test_whatever_flask_accepts_may_be_returned(runtime: processes.Process) -> None:
    cases = "".join(f"    lambda: {returned},\n" for returned, *_ in RETURNED)
    load(
        runtime,
        f"import flask\nCASES = [\n{cases}]\n"
        "def main():\n    return CASES[int(flask.request.path[1:])]()\n",
    )
    for number, (_, status, body, content_type) in enumerate(RETURNED):
        answer = runtime.call(path=f"/{number}")
        assert (answer.status, answer.headers["Content-Type"]) == (status, content_type)
        assert body is None or answer.text == body


def test_a_request_parameter(runtime: processes.Process) -> None:
    load(runtime, "def main(request):\n    return request.args['name']\n")
    assert runtime.call(path="/?name=ada").text == "ada"


def test_an_async_function_with_and_without_the_request(runtime: processes.Process) -> None:
    load(
        runtime,
        "import asyncio\nfrom flask import request\n"
        "async def main():\n    await asyncio.sleep(0)\n    return request.args['name']\n",
    )
    assert runtime.call(path="/?name=ada").text == "ada"


def test_a_wsgi_application(runtime: processes.Process) -> None:
    load(
        runtime,
        "def main(environ, start_response):\n"
        "    body = environ['wsgi.input'].read()\n"
        "    start_response('202 Accepted', [('X-Path', environ['PATH_INFO'])])\n"
        "    return [b'got ', body]\n",
    )
    answer = runtime.call("PUT", "/p%C3%BC", b"body")
    assert (answer.status, answer.text) == (202, "got body")
    assert answer.headers["X-Path"].encode("latin-1").decode() == "/pü"


def test_a_flask_application(runtime: processes.Process) -> None:
    load(
        runtime,
        "from flask import Flask\napp = Flask(__name__)\n"
        "@app.get('/u/<name>')\ndef user(name):\n    return {'name': name}\n",
        "fn.app",
    )
    assert runtime.call(path="/u/ada").json() == {"name": "ada"}
    assert runtime.call(path="/nowhere").status == 404


def test_an_asgi_application_streams(runtime: processes.Process) -> None:
    load(
        runtime,
        "async def main(scope, receive, send):\n"
        "    if scope['type'] != 'http':\n        raise RuntimeError('no lifespan')\n"
        "    got = b''\n"
        "    while True:\n"
        "        message = await receive()\n"
        "        got += message['body']\n"
        "        if not message['more_body']:\n            break\n"
        "    await send({'type': 'http.response.start', 'status': 200,\n"
        "                'headers': [(b'x-path', scope['raw_path'])]})\n"
        "    for n in range(3):\n"
        "        await send({'type': 'http.response.body', 'body': got, 'more_body': n < 2})\n",
    )
    answer = runtime.call("POST", "/a", b"ab")
    assert (answer.status, answer.text, answer.headers["X-Path"]) == (200, "ababab", "/a")


def test_a_package_is_imported_by_its_dotted_name(runtime: processes.Process) -> None:
    runtime.write(
        {
            "shop/__init__.py": "",
            "shop/cart.py": "from shop import prices\ndef total():\n    return str(prices.ONE)\n",
            "shop/prices.py": "ONE = 1\n",
        }
    )
    assert runtime.specialize("shop.cart.total").status == 200
    assert runtime.call().text == "1"


def test_a_single_word_is_a_function_of_main(runtime: processes.Process) -> None:
    runtime.write({"main.py": "def handler():\n    return 'h'\n"})
    assert runtime.specialize("handler").status == 200
    assert runtime.call().text == "h"


def test_a_single_file_uses_only_the_functions_name(runtime: processes.Process) -> None:
    (runtime.volume / "deployarchive").write_text("def main():\n    return 'single'\n")
    assert runtime.specialize("whatever.main").status == 200
    assert runtime.call().text == "single"


def test_version_one_loads_the_fixed_file(runtime: processes.Process) -> None:
    (runtime.volume / "user").write_text("def main():\n    return 'v1'\n")
    assert runtime.call("POST", "/specialize").status == 200
    assert runtime.call().text == "v1"


@pytest.mark.parametrize(
    ("entry_point", "message"),
    [
        ("fn.mian", "module 'fn' has no function 'mian'; it has: main"),
        ("nf.main", "no module 'nf' in the package; it has: fn"),
        ("fn.CONSTANT", "of type int, neither a function"),
        ("fn..main", "is not a dotted Python name"),
    ],
)
def test_an_entry_point_that_is_not_there_names_what_is(
    runtime: processes.Process, entry_point: str, message: str
) -> None:
    runtime.write({"fn.py": "CONSTANT = 1\ndef main():\n    return ''\n"})
    answer = runtime.specialize(entry_point)
    assert answer.status == 500
    assert message in answer.text


def test_an_import_error_shows_the_users_traceback_only(
    runtime: processes.Process, log: pathlib.Path
) -> None:
    runtime.write({"fn.py": "def load():\n    return 1 / 0\nVALUE = load()\n"})
    answer = runtime.specialize("fn.main")
    assert answer.text.startswith("Traceback")
    assert "fn.py" in answer.text
    assert "loader.py" not in answer.text
    assert answer.text.endswith("ZeroDivisionError: division by zero")
    assert answer.text in log.read_text()


def test_a_failing_call_keeps_its_traceback_from_the_public(
    runtime: processes.Process, log: pathlib.Path
) -> None:
    load(runtime, "def main():\n    raise ValueError('secret detail')\n")
    answer = runtime.call()
    assert (answer.status, answer.text) == (500, "Internal Server Error\n")
    assert "ValueError: secret detail" in log.read_text()
    assert runtime.call(path="/healthz").status == 200


def test_output_is_in_the_log_before_the_answer(
    runtime: processes.Process, log: pathlib.Path
) -> None:
    load(runtime, "def main():\n    print('printed')\n    return ''\n")
    runtime.call()
    assert "printed\n" in log.read_text()


def test_a_signal_to_a_process_that_a_function_forked_is_that_ones_alone(
    runtime: processes.Process,
) -> None:
    load(
        runtime,
        "import os, signal\n"
        "def main():\n"
        "    for _ in range(50):\n"
        "        pid = os.fork()\n"
        "        while pid == 0:\n"
        "            signal.pause()\n"
        "        os.kill(pid, signal.SIGTERM)\n"
        "        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGTERM\n"
        "    return 'fine'\n",
    )
    assert runtime.call().text == "fine"
    assert runtime.call().text == "fine"


def test_a_slow_function_blocks_neither_health_nor_other_calls(runtime: processes.Process) -> None:
    load(
        runtime,
        "import threading\nfrom flask import request\nGATE = threading.Event()\n"
        "def main():\n"
        "    if request.path == '/slow':\n        assert GATE.wait(20)\n"
        "    if request.path == '/open':\n        GATE.set()\n"
        "    return request.path\n",
    )
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(runtime.call, "GET", "/slow")
        assert runtime.call(path="/healthz").status == 200
        assert runtime.call(path="/fast").text == "/fast"
        assert not slow.done()
        runtime.call(path="/open")
        assert slow.result().text == "/slow"


def test_a_call_above_the_limit_is_refused_without_being_run(runtime: processes.Process) -> None:
    load(
        runtime,
        "import threading\nfrom flask import request\n"
        "GATE = threading.Event()\nENTERED = threading.Event()\n"
        "import pathlib, os, json\n"
        "MARK = pathlib.Path(__file__).parent / 'entered'\n"
        "def main():\n    MARK.touch()\n    assert GATE.wait(20)\n    return ''\n"
        "import signal\nsignal.signal(signal.SIGUSR1, lambda *_: GATE.set())\n",
        requestsPerPod=1,
    )
    mark = runtime.volume / "deployarchive" / "entered"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(runtime.call)
        while not mark.exists():
            assert not first.done()
        second = runtime.call()
        runtime.process.send_signal(10)
        assert first.result().status == 200
    assert (second.status, second.headers["X-Fission-Busy"]) == (503, "1")


def test_a_runtime_that_waits_for_its_function_has_left_no_trace(
    runtime: processes.Process, log: pathlib.Path
) -> None:
    assert runtime.call(path="/healthz").status == 200  # it has rehearsed, then it serves
    assert list(runtime.volume.iterdir()) == []
    assert log.read_text() == ""
    load(runtime, "import sys\ndef main():\n    return [m for m in sys.modules if 'user_f' in m]\n")
    assert runtime.call().json() == []


def test_a_body_without_room_in_the_pods_files_is_413_and_not_the_functions_fault(
    prepare: Callable[[catalog.Runtime], processes.Prepared], tmp_path: pathlib.Path
) -> None:
    with processes.running(prepare(catalog.PYTHON), tmp_path, file_kib=1024) as runtime:
        load(runtime, "def main():\n    return 'called'\n")
        answer = runtime.call("POST", "/", b"x" * (2 << 20))
        assert (answer.status, answer.text) == (
            413,
            "the request body does not fit into this pod's temporary files: "
            f"{answer.text.split(': ')[-1]}",
        ), runtime.state()
        assert runtime.call().text == "called", runtime.state()
