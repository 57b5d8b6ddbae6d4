"""The runtimes that are held to the promises, and what each says of itself.

A language is one entry of ``CATALOG`` plus ``samples/<name>/``, whose README says what belongs
there. How its process is started is read from the ``image.json`` that the platform reads. A promise
that a language cannot keep is named with its reason in ``lacks``; its tests are then skipped with
that reason.
"""

from __future__ import annotations

import dataclasses
import enum
import pathlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fission.cluster.kubelet import images
from tests.support import imageprocess, javac, wasmbuilds

HERE = pathlib.Path(__file__).parent
REPOSITORY = HERE.parents[2]
ENVIRONMENTS = REPOSITORY / "environments"


class Promise(enum.Enum):
    """What a runtime may be unable to promise; everything else it must."""

    VERSION_1 = "POST /specialize loads /userfunc/user"
    STATUS = "a function chooses its answer's status and headers"
    STREAMED_ANSWER = "an answer is passed on piece by piece"
    STDOUT = "what a function writes to standard output is in the log"
    WEBSOCKET = "a function serves WebSocket connections"
    RESTART = "a runtime that is started again in its pod loads its function again"
    PARALLEL = "calls of one function run at the same time"


@dataclass(frozen=True)
class Code:
    """A package and its entry point; ``path`` is below the language's folder of samples."""

    path: str
    entry_point: str
    reason: str = ""
    """What the answer says when this cannot be loaded."""


@dataclass(frozen=True)
class Runtime:
    """One language."""

    name: str
    image: str
    """Folder below ``environments`` with the ``image.json``."""
    probe: Code
    """The folder that answers what the promises ask."""
    hello: Code
    """A single file that answers ``hello``; any package where there are no single files."""
    broken: Code
    """A package that cannot be loaded."""
    absent: Code
    """A package without the entry point that is asked for."""
    version_1: str = ""
    """A file that answers ``hello`` when it is /userfunc/user."""
    websocket: Code | None = None
    """Sends WebSocket messages back; None: the probe does, on /websocket."""
    specialized: int = 200
    unspecialized: int = 500
    refused: int = 500
    """Status for a package that cannot be loaded."""
    malformed: int = 400
    again: int = 400
    """Status for a second specialization."""
    unspecialized_text: str = "Generic container"
    lacks: Mapping[Promise, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    needs: Callable[[], str | None] = lambda: None
    """Why this cannot run here, beside the image's own needs; None if it can."""
    make: Callable[[pathlib.Path, pathlib.Path], None] | None = None
    """Makes packages of the samples: from this folder into that one. None: they are packages."""
    folder: str = ""
    """Where its samples are, when not in a folder of its own name."""

    @property
    def samples(self) -> pathlib.Path:
        return HERE / "samples" / (self.folder or self.name)

    @property
    def image_folder(self) -> pathlib.Path:
        return ENVIRONMENTS / self.image

    def make_samples(self, folder: pathlib.Path) -> pathlib.Path:
        """The folder of ready packages, made below ``folder`` where something has to be made."""
        if self.make is None:
            return self.samples
        made = folder / "samples"
        shutil.copytree(self.samples, made)
        self.make(self.samples, made)
        return made

    def missing(self) -> str | None:
        """Why this runtime cannot be tested on this machine; None when it can."""
        image = imageprocess.load(self.image_folder, pathlib.Path("/nowhere"))
        return images.missing_needs(image) or self.needs()


PYTHON = Runtime(
    name="python",
    image="python",
    probe=Code("probe", "probe.main"),
    hello=Code("hello.py", "hello.main"),
    broken=Code("broken", "broken.main", "a_module_that_is_nowhere"),
    absent=Code("hello.py", "hello.mian", "no function 'mian'"),
    version_1="hello.py",
    lacks={Promise.WEBSOCKET: "use an ASGI server of one's own in a container function"},
)

NODE = Runtime(
    name="node",
    image="node",
    probe=Code("probe", "probe.main"),
    hello=Code("hello.js", "hello"),
    broken=Code("broken", "broken.main", "a_module_that_is_nowhere"),
    absent=Code("hello.js", "hello.mian", 'no function "mian"'),
    websocket=Code("echo-messages.js", "echo-messages"),
    version_1="hello.js",
    specialized=202,
)

BINARY = Runtime(
    name="binary",
    image="binary",
    probe=Code("probe", "probe"),
    hello=Code("hello", "hello"),
    broken=Code("broken", "main", "neither a Linux program nor a script"),
    absent=Code("probe", "prob", "it has: lib, probe"),
    version_1="hello",
    unspecialized=400,
    refused=400,
    lacks={
        Promise.STATUS: "standard output is the body of a 200, unless BINARY_OUTPUT is cgi",
        Promise.STREAMED_ANSWER: "it is held back for the exit code, unless BINARY_OUTPUT is cgi",
        Promise.STDOUT: "standard output is the answer",
        Promise.WEBSOCKET: "a process per request has no connection; BINARY_MODE=server has",
    },
)


def _make_jvm(sources: pathlib.Path, target: pathlib.Path) -> None:
    javac.compile_folder(sources / "src", target / "probe")
    javac.pack(target / "probe", target / "hello.jar", "sample/Hello.class")


JVM = Runtime(
    name="jvm",
    image="jvm",
    probe=Code("probe", "sample.Probe"),
    hello=Code("hello.jar", "sample.Hello"),
    broken=Code("broken.jar", "sample.Hello", "is not a readable JAR file"),
    absent=Code("hello.jar", "sample.Nobody", "no class sample.Nobody"),
    unspecialized=400,
    unspecialized_text="Container not specialized",
    refused=400,
    lacks={
        Promise.VERSION_1: "a package names its class, which version 1 has no field for",
        Promise.WEBSOCKET: "a function takes a request and returns an answer",
    },
    make=_make_jvm,
)


def _make_wasm(samples: pathlib.Path, into: pathlib.Path) -> None:
    import wasmtime

    for text in samples.rglob("*.wat"):
        module = into / text.relative_to(samples).with_suffix(".wasm")
        module.write_bytes(wasmtime.wat2wasm(text.read_bytes()))
    shutil.rmtree(into / "probe")
    built = wasmbuilds.build(samples / "probe", into / "probe")
    assert built.code == 0, built.log


WASM = Runtime(
    name="wasm",
    image="wasm",
    probe=Code("probe", ""),
    hello=Code("hello.wasm", ""),
    broken=Code("broken", "main", "imports env.a_function_that_is_nowhere"),
    absent=Code("probe", "mian.wasm", "no such file in the package; modules: main.wasm"),
    version_1="hello.wasm",
    needs=wasmbuilds.missing,
    make=_make_wasm,
    lacks={
        Promise.STREAMED_ANSWER: "an instance that fails half-way has answered nothing yet",
        Promise.STDOUT: "standard output is the answer",
        Promise.WEBSOCKET: "an instance lives as long as one request",
    },
)

CATALOG = (
    PYTHON,
    WASM,
    NODE,
    JVM,
    BINARY,
)

BINARY_CGI = dataclasses.replace(
    BINARY,
    name="binary-cgi",
    folder="binary",
    probe=Code("cgi", "probe"),
    hello=Code("hello-cgi", "hello"),
    lacks={
        Promise.STDOUT: "standard output is the answer",
        Promise.WEBSOCKET: "a process per request has no connection",
    },
)
BINARY_SERVER = dataclasses.replace(
    BINARY, name="binary-server", folder="binary", probe=Code("server", "probe"), lacks={}
)

VARIANTS = (BINARY_CGI, BINARY_SERVER)
"""Further ways in which an environment calls functions: held to what is promised about calls."""

NAMES = [runtime.name for runtime in CATALOG]
VARIANT_NAMES = [runtime.name for runtime in VARIANTS]


def find(name: str) -> Runtime:
    """The entry of a language."""
    return next(runtime for runtime in (*CATALOG, *VARIANTS) if runtime.name == name)
