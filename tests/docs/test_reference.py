"""What the code promises to others has its line in the reference."""

import ast
import importlib
import pathlib
import pkgutil
import re

import pytest

import fission.contracts
from fission.api import labels
from fission.router import metrics

ROOT = pathlib.Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
CONTRACTS = (REFERENCE / "contracts.md").read_text(encoding="utf-8")
LABELS = (REFERENCE / "labels.md").read_text(encoding="utf-8")
METRICS = (REFERENCE / "metrics.md").read_text(encoding="utf-8")
KEY = re.compile(r'"((?:fission\.io|kubelet)/[a-z]+(?:-[a-z]+)*)"')
FAMILY = re.compile(r"(?:Counter|Gauge|Histogram|Summary|Info)(?:MetricFamily)?$")


def modules():
    for found in pkgutil.iter_modules(fission.contracts.__path__):
        yield importlib.import_module(f"fission.contracts.{found.name}")


def paths():
    for module in modules():
        for name, value in vars(module).items():
            values = value.values() if isinstance(value, dict) else (value,)
            for text in values:
                is_path = isinstance(text, str) and text.startswith("/") and name.isupper()
                if is_path and not name.endswith(("_DIR", "_PREFIX")):
                    yield f"{module.__name__.rpartition('.')[2]}.{name}", text


def test_contracts_and_kinds_of_paths_are_found():
    assert ("executor.GET_SERVICE_FOR_FUNCTION", "/v2/getServiceForFunction") in set(paths())
    assert ("controller.COLLECTIONS", "/v2/functions") in set(paths())


@pytest.mark.parametrize(("name", "path"), sorted(set(paths())))
def test_a_path_between_components_is_documented(name, path):
    assert re.search(rf"[`/ ]{re.escape(path)}[`/?\[<{{ ]", CONTRACTS), (
        f"contracts.{name}: {path} is not in docs/reference/contracts.md"
    )


@pytest.mark.parametrize("module", list(modules()), ids=lambda module: module.__name__)
def test_a_header_of_a_wire_is_documented(module):
    for name, value in vars(module).items():
        if name.isupper() and isinstance(value, str) and value.lower().startswith("x-"):
            prefix, _, last = value.rstrip("-").rpartition("-")
            known = value in CONTRACTS or (prefix in CONTRACTS and f"-{last}`" in CONTRACTS)
            assert known, f"{module.__name__}.{name}: {value} is not in contracts.md"


def test_every_key_on_objects_is_documented():
    values = {"true", "false"}  # of labels, not keys
    keys = {
        value
        for name, value in vars(labels).items()
        if name.isupper() and not name.startswith(("APPLICATION_", "OWNER_"))
        if not name.endswith(("_STRICT", "_NAMESPACE", "_FISSION", "_CONTROLLER")) or "/" in value
    } | {labels.ENVIRONMENT_NAMESPACE, labels.FUNCTION_NAMESPACE}
    for path in (ROOT / "src" / "fission").rglob("*.py"):
        keys |= set(KEY.findall(path.read_text(encoding="utf-8")))
    keys -= {"fission.io/v1", *values}

    assert [key for key in sorted(keys) if f"`{key}`" not in LABELS] == []


def test_the_kubelet_reads_the_key_that_the_executor_writes():
    kubelet = ROOT / "src" / "fission" / "cluster" / "kubelet"

    assert any(
        f'ANNOTATION = "{labels.POD_OUTBOUND}"' in path.read_text(encoding="utf-8")
        for path in kubelet.glob("*.py")
    )


def test_every_metric_is_documented():
    names = {family.name for family in metrics.Metrics().collect()}
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = ast.unparse(node.func).rpartition(".")[2]
            first = node.args[0]
            if FAMILY.match(called) and isinstance(first, ast.Constant):
                names.add(str(first.value))

    assert "fission_router_routes" in names
    assert [name for name in sorted(names) if f"`{name}`" not in METRICS] == []
