"""One suite, every way in: the same commands through the Kubernetes API and the controller, in a
namespace of each, say and do the same. How a way is found: ``tests/unit/cli/test_wayin.py``."""

from __future__ import annotations

import asyncio
import pathlib
import re
import shlex
import shutil
import time
from collections.abc import Iterator

import pytest

from fission.cli import tree
from tests.e2e import platform as platforms
from tests.support import commandline

pytestmark = pytest.mark.usefixtures("kubectl")

STORY = """
env create --name python --image fission/python-env --poolsize 1
! env create --name python --image fission/python-env
env get --name python
env list
env update --name python --graceperiod 5
! env get --name pyton
fn create --name hello --env python --code hello.py
fn create --name large --env python --deploy large.zip --entrypoint large.main
fn create --name other --env python --code other.py
fn list
fn list -o wide
fn list -o name
fn list -A -o name
fn get --name hello
fn getmeta --name hello
fn getmeta --name hello -o json
! fn get --name helo
! fn wait --name hello --for condition=Ready=Nothing
fn test --name hello --method POST --body text --subpath /deep -H 'X-A: b' -q c=d
fn test --name large
fn logs --name hello
fn pods --name hello
fn describe --name hello
env pods --name python --executortype poolmgr
fn update --name hello --code other.py
fn get --name hello
fn update --name hello --fntimeout 61 --labels team=blue
! fn test --name nothing
fn run-container --name image --image registry.example/web:1 --port 80
fn update-container --name image --image registry.example/web:2
fn getmeta --name image
fn delete --name image
pkg list
pkg create --name source --env python --code hello.py
pkg wait --name source --for condition=Ready
pkg info --name source
pkg getsrc --name source
pkg getdeploy --name source -o back.py
pkg update --name source --code other.py
! pkg rebuild --name source
pkg delete --name source
pkg delete --name source --ignorenotfound
route create --name hello --url /{namespace}/hello --function hello --method GET
route wait --name hello --for condition=Ready
! route create --name twin --url /{namespace}/hello --function hello --method GET
route create --name both --prefix /{namespace} --function hello --function other --weight 100,0
route get --name hello
route list
route update --name hello --url /{namespace}/hello --function other
canary create --name slow --httptrigger both --newfn other --oldfn hello --increment-interval 1h
canary wait --name slow --for condition=Progressing
canary get --name slow
canary list
canary update --name slow --step 30
canary delete --name slow
timer create --name daily --function hello --cron @daily
timer wait --name daily --for condition=Ready
timer list
! timer update --name daily --cron '0 25 * * *'
timer update --name daily --cron @weekly
timer get --name daily
timer showschedule --cron @yearly
timer delete --name daily
mqt create --name orders --function hello --mqtype statestore --mqtkind fission --topic orders
mqt wait --name orders --for condition=Ready
mqt list
mqt get --name orders
mqt update --name orders --maxretries 3
mqt delete --name orders
topic publish --topic news --data '{{"a": 1}}'
topic peek --topic news
watch create --name pods --function hello --type pod
watch wait --name pods --for condition=Ready
watch list
watch get --name pods
watch delete --name pods
archive get-url --id /fission/fission-functions/x
archive upload --name large.zip
archive list
! archive download --id no-such-archive -o nothing
! archive delete --id no-such-archive
fn create --name secret --env python --code hello.py --secret missing
! fn create --name secret --env python --code hello.py --secret there --configmap there
spec init --name app
env create --name second --image fission/python-env --poolsize 1 --spec
fn create --name declared --env second --code hello.py --spec
spec validate
spec apply
spec apply
spec list
spec destroy
spec save --function other
fn delete --name hello
! fn delete --name hello
fn delete --name hello --ignorenotfound
fn delete --name large
fn delete --name other
fn delete --name secret
route delete --name hello
route delete --function hello
env delete --name python --force
top --once --interval 500ms
token create --username a --password b
token create --username a --password b --authuri /elsewhere
version
check
check --pre
support dump --nozip -o dump
"""
"""Commands; of those behind a `!` it is expected that they fail."""
OF_THIS_MACHINE = {"up", "down", "status", "completion", "function run-local"}
"""Commands that no way leads to, or for whom it makes no difference."""

VARIES = (
    (r"Warning: logs of .* could not be read: .*(not found|waiting to start).*\n", ""),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uid>"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?", "<time>"),
    (r"\d\d \w{3} \d\d \d\d:\d\d \w+", "<time>"),
    (r'"(resourceVersion|resourceversion)": "\d+"', '"resourceVersion": "<version>"'),
    (r"(?<=[ \t])\d+(\.\d+)?(ms|s|m)(?=\s|$)", "<age>"),
    (r"\d+(\.\d+)? (ms|s)\b", "<age>"),
    (r"127\.\d+\.\d+\.\d+", "<address>"),
    (r"poolmgr-[-a-z0-9<>]+", "<pod>"),
    (r"(?<= )(True|False|Unknown|<none>)(?=\s)", "<state>"),
    (r"--+", "--"),
    (r" +", " "),
)
LOOSE = {
    "support": "is in",
    "": "\nCONDITIONS:",
    "timer get": "\nTICKS:",
    "fn describe": "Invocable",
    "fn pods": "\n",
    "env pods": "\n",
    "archive list": "\n",
    "top": "\n",
}
"""Beginning of a line → up to where its output is compared: the rest depends on the moment."""


class Way:
    """A way in, with a folder and a namespace of its own."""

    def __init__(
        self, name: str, folder: pathlib.Path, env: dict[str, str], namespace: str = ""
    ) -> None:
        self.name = name
        self.namespace = namespace or f"way-{name}"
        folder.mkdir()
        (folder / "hello.py").write_text("def main():\n    print('said')\n    return 'hello'\n")
        (folder / "other.py").write_text("def main():\n    return 'other'\n")
        inside = folder / "inside"
        inside.mkdir()
        (inside / "large.py").write_text("def main():\n    return 'large'\n")
        (inside / "ballast").write_bytes(bytes(range(256)) * 1200)
        shutil.make_archive(str(folder / "large"), "zip", inside)
        shutil.rmtree(inside)
        whole = {**env, "FISSION_DEFAULT_NAMESPACE": self.namespace, "NO_COLOR": "1"}
        self._command_line = commandline.CommandLine(folder, whole)

    async def run(self, line: str) -> tuple[int, str, str]:
        """Run one line; what is said, without what differs from run to run."""
        words = shlex.split(line.format(namespace=self.namespace))
        result = await self._command_line.run(*words)
        out = result.out
        for beginning, end in LOOSE.items():
            if line.startswith(beginning):
                out = out.partition(end)[0]
        return result.code, self._normal(out), self._normal(result.err)

    def _normal(self, text: str) -> str:
        text = text.replace(self.namespace, "<namespace>")
        for pattern, word in VARIES:
            text = re.sub(pattern, word, text)
        return text


def leaves() -> Iterator[tuple[str, str]]:
    """Noun and verb of every command, in all their spellings."""
    for entry in tree.ROOT:
        if isinstance(entry, tree.Leaf):
            yield entry.name, f"({'|'.join((entry.name, *entry.aliases))})"
            continue
        nouns = "|".join((entry.name, *entry.aliases))
        for leaf in entry.leaves:
            verbs = "|".join((leaf.name, *leaf.aliases))
            yield f"{entry.name} {leaf.name}", f"({nouns}) ({verbs})"


def test_the_suite_has_every_command() -> None:
    missing = [
        name
        for name, pattern in leaves()
        if not re.search(rf"^(! )?{pattern}\b", STORY, re.MULTILINE)
        and name not in OF_THIS_MACHINE
        and name.split()[0] not in OF_THIS_MACHINE
    ]
    assert missing == []


COLLEAGUE = """
0 env create --name python --image fission/python-env --poolsize 1
0 fn create --name hello --env python --code hello.py
0 fn create --name large --env python --deploy large.zip --entrypoint large.main
0 fn list
0 fn test --name hello
0 fn test --name large
0 fn logs --name hello
0 fn pods --name hello
0 fn describe --name hello
0 fn update --name hello --code other.py
0 fn create --name secret --env python --code hello.py --secret there --configmap there
0 pkg list
0 pkg info --name hello-uid-1
0 archive list
0 route create --name hello --url /colleague --function hello
0 timer create --name daily --function hello --cron @daily
0 topic publish --topic news --data text
0 topic peek --topic news
0 spec init --name app
0 env create --name second --image fission/python-env --poolsize 1 --spec
0 fn create --name declared --env second --code hello.py --spec
0 spec apply --wait
0 spec destroy
0 fn wait --name hello --for condition=Ready
0 version
1 fn list -A
1 fn list -n default
1 fn create -n default --name hello --env python --code hello.py
1 fn test -n default --name hello
1 archive list -n default
1 topic peek -n default --topic news
0 fn delete --name hello
0 env delete --name python --force
"""
"""Exit code and command of somebody who may do what the documents' Role allows."""


@pytest.fixture
def ways(platform: platforms.Platform, tmp_path: pathlib.Path) -> Iterator[list[Way]]:
    platform.kubectl("create", "serviceaccount", "way-in")
    platform.kubectl(
        *("create", "clusterrolebinding", "way-in", "--clusterrole", "cluster-admin"),
        *("--serviceaccount", "default:way-in"),
    )
    words = ("create", "token", "way-in", "--audience", "fission-controller")
    token = platform.kubectl(*words).strip()
    made = [
        Way("home", tmp_path / "home", {"FISSION_HOME": str(platform.home)}),
        Way(
            "controller",
            tmp_path / "controller",
            {"FISSION_URL": platform.status()["controller"], "FISSION_TOKEN": token},
        ),
    ]
    for way in made:
        platform.kubectl("create", "namespace", way.namespace)
        for kind in ("secret", "configmap"):
            sort = ("generic",) if kind == "secret" else ()
            platform.kubectl("-n", way.namespace, "create", kind, *sort, "there")
    yield made
    for way in made:
        platform.kubectl("delete", "namespace", way.namespace, "--wait=false")


def test_every_command_says_the_same_whichever_way_it_goes(ways: list[Way]) -> None:
    found = asyncio.run(differences(ways))
    assert not found, "\n\n".join(found)


def test_a_colleague_needs_no_more_than_the_role_in_the_documents(
    platform: platforms.Platform, tmp_path: pathlib.Path
) -> None:
    page = pathlib.Path(__file__).parents[2] / "docs" / "howto" / "ways-in.md"
    role = page.read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    platform.kubectl("create", "namespace", "team")
    platform.kubectl("apply", "-f", "-", stdin=role)
    platform.kubectl("-n", "team", "create", "serviceaccount", "ada")
    platform.kubectl("-n", "team", "create", "secret", "generic", "there")
    platform.kubectl("-n", "team", "create", "configmap", "there")
    platform.kubectl(
        *("-n", "team", "create", "rolebinding", "ada"),
        *("--role", "fission-developer", "--serviceaccount", "team:ada"),
    )
    words = ("-n", "team", "create", "token", "ada", "--audience", "fission-controller")
    env = {
        "FISSION_URL": platform.status()["controller"],
        "FISSION_TOKEN": platform.kubectl(*words).strip(),
    }
    ada = Way("colleague", tmp_path / "ada", env, "team")
    try:
        assert asyncio.run(surprises(ada)) == []
    finally:
        platform.kubectl("delete", "namespace", "team", "--wait=false")


async def surprises(way: Way) -> list[str]:
    """Commands that end otherwise than they should, and refusals that do not say why."""
    found = []
    deadline = time.monotonic() + platforms.DEADLINE_SECONDS
    for line in COLLEAGUE.strip().splitlines():
        expected, _, command = line.partition(" ")
        code, out, err = await way.run(command)
        while code and "no active pods" in err and time.monotonic() < deadline:
            # The pod carries the function's name a moment after its first answer.
            code, out, err = await way.run(command)
        if code != int(expected) or (code and "cannot" not in err):
            found.append(f"{code} fission {command}\n{out}{err}")
    return found


async def differences(ways: list[Way]) -> list[str]:
    found = []
    for written in STORY.strip().splitlines():
        line = written.removeprefix("! ")
        first, *others = await asyncio.gather(*(way.run(line) for way in ways))
        if (first[0] != 0) != (line != written):
            found.append(f"{ways[0].name}: fission {line}\n{first}")
        for way, answer in zip(ways[1:], others, strict=True):
            if answer != first:
                told = [f"{part!r}" for pair in zip(first, answer, strict=True) for part in pair]
                found.append(f"{way.name}: fission {line}\n" + "\n".join(told))
    return found
