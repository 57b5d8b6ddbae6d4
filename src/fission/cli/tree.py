"""Every command: its name, other names, what it does, and the module that is imported to run it.

The tree on disk is the tree in ``--help``: ``fission function create`` is ``function/create.py``.
"""

import dataclasses
from typing import Final


@dataclasses.dataclass(frozen=True)
class Leaf:
    """One command."""

    name: str
    help: str
    module: str
    """Below ``fission.cli``; its command object is called ``command``."""
    aliases: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Branch:
    """A noun and its verbs."""

    name: str
    help: str
    leaves: tuple[Leaf, ...]
    aliases: tuple[str, ...] = ()


ENVIRONMENT: Final = Branch(
    "environment",
    "Create, update and manage environments",
    (
        Leaf("create", "Create an environment", "environment.create"),
        Leaf("get", "Show an environment", "environment.get"),
        Leaf("update", "Update an environment", "environment.update"),
        Leaf("delete", "Delete an environment", "environment.delete"),
        Leaf("list", "List environments", "environment.list"),
        Leaf("pods", "List the pods of an environment", "environment.pods", ("pod", "po")),
    ),
    ("env",),
)

PACKAGE: Final = Branch(
    "package",
    "Create, update and manage packages",
    (
        Leaf("create", "Create a package", "package.create"),
        Leaf("update", "Update a package", "package.update"),
        Leaf("getsrc", "Write a package's source archive", "package.getsrc"),
        Leaf("getdeploy", "Write a package's deployment archive", "package.getdeploy"),
        Leaf("delete", "Delete a package, or all that no function uses", "package.delete"),
        Leaf("list", "List packages", "package.list"),
        Leaf("info", "Show a package and its build log", "package.info", ("get",)),
        Leaf("rebuild", "Build a package again that failed to build", "package.rebuild"),
        Leaf("wait", "Wait for a condition of a package", "package.wait"),
    ),
    ("pkg",),
)

FUNCTION: Final = Branch(
    "function",
    "Create, update, call and manage functions",
    (
        Leaf("create", "Create a function", "function.create"),
        Leaf("get", "Write a function's source code", "function.get"),
        Leaf("getmeta", "Show a function's metadata", "function.getmeta"),
        Leaf("describe", "Show all that is known of a function", "function.describe"),
        Leaf("update", "Update a function's code or settings", "function.update"),
        Leaf("delete", "Delete a function", "function.delete"),
        Leaf("list", "List functions", "function.list"),
        Leaf("log", "Show what a function printed", "function.logs", ("logs",)),
        Leaf("test", "Call a function once", "function.test"),
        Leaf("run-local", "Run a function without a platform", "function.run_local", ("runl",)),
        Leaf("run-container", "Run an image as a function", "function.run_container", ("runc",)),
        Leaf(
            "update-container",
            "Update a function that runs an image",
            "function.update_container",
            ("updatec",),
        ),
        Leaf("pods", "List the pods of a function", "function.pods", ("pod", "po")),
        Leaf("wait", "Wait for a condition of a function", "function.wait"),
    ),
    ("fn",),
)

HTTPTRIGGER: Final = Branch(
    "httptrigger",
    "Create, update and manage HTTP routes",
    (
        Leaf("create", "Create a route", "httptrigger.create"),
        Leaf("get", "Show a route", "httptrigger.get"),
        Leaf("update", "Update a route", "httptrigger.update"),
        Leaf("delete", "Delete a route, or all of a function", "httptrigger.delete"),
        Leaf("list", "List routes", "httptrigger.list"),
        Leaf("wait", "Wait for a condition of a route", "httptrigger.wait"),
    ),
    ("ht", "route"),
)

MQTRIGGER: Final = Branch(
    "mqtrigger",
    "Call functions for the messages of topics",
    (
        Leaf("create", "Create a message queue trigger", "mqtrigger.create"),
        Leaf("get", "Show a message queue trigger", "mqtrigger.get"),
        Leaf("update", "Update a message queue trigger", "mqtrigger.update"),
        Leaf("delete", "Delete a message queue trigger", "mqtrigger.delete"),
        Leaf("list", "List message queue triggers", "mqtrigger.list"),
        Leaf("wait", "Wait for a condition of a message queue trigger", "mqtrigger.wait"),
    ),
    ("mqt",),
)

TIMETRIGGER: Final = Branch(
    "timetrigger",
    "Call functions at times",
    (
        Leaf("create", "Create a timer", "timetrigger.create"),
        Leaf("get", "Show a timer", "timetrigger.get"),
        Leaf("update", "Update a timer", "timetrigger.update"),
        Leaf("delete", "Delete a timer", "timetrigger.delete"),
        Leaf("list", "List timers", "timetrigger.list"),
        Leaf(
            "showschedule",
            "Show the next ticks of a schedule",
            "timetrigger.showschedule",
            ("show",),
        ),
        Leaf("wait", "Wait for a condition of a timer", "timetrigger.wait"),
    ),
    ("tt", "timer"),
)

WATCH: Final = Branch(
    "watch",
    "Call functions when objects of Kubernetes change",
    (
        Leaf("create", "Create a watch trigger", "watch.create"),
        Leaf("get", "Show a watch trigger", "watch.get"),
        Leaf("delete", "Delete a watch trigger", "watch.delete"),
        Leaf("list", "List watch triggers", "watch.list"),
        Leaf("wait", "Wait for a condition of a watch trigger", "watch.wait"),
    ),
    ("w",),
)

CANARY: Final = Branch(
    "canary",
    "Move traffic between two functions step by step",
    (
        Leaf("create", "Create a canary configuration", "canary.create"),
        Leaf("get", "Show a canary configuration", "canary.get"),
        Leaf("update", "Update a canary configuration", "canary.update"),
        Leaf("delete", "Delete a canary configuration", "canary.delete"),
        Leaf("list", "List canary configurations", "canary.list"),
        Leaf("wait", "Wait for a condition of a canary configuration", "canary.wait"),
    ),
    ("canary-config",),
)

TOPIC: Final = Branch(
    "topic",
    "Publish to topics and look into them",
    (
        Leaf("publish", "Publish a message to a topic", "topic.publish", ("pub",)),
        Leaf("peek", "Show the newest messages of a topic", "topic.peek"),
    ),
    ("topics",),
)

ARCHIVE: Final = Branch(
    "archive",
    "Upload, list and fetch archives",
    (
        Leaf("upload", "Upload a file", "archive.upload"),
        Leaf("list", "List the ids of all archives", "archive.list"),
        Leaf("delete", "Delete an archive", "archive.delete"),
        Leaf("get-url", "Show an archive's URL", "archive.get_url"),
        Leaf("download", "Download an archive", "archive.download"),
    ),
    ("ar",),
)

SPEC: Final = Branch(
    "spec",
    "Keep an application as files",
    (
        Leaf("init", "Begin a directory of specs", "spec.init"),
        Leaf("save", "Write objects of the platform into the specs", "spec.save"),
        Leaf("validate", "Check the specs", "spec.validate"),
        Leaf("apply", "Make the platform as the specs want it", "spec.apply"),
        Leaf("destroy", "Delete what the specs describe", "spec.destroy"),
        Leaf("list", "List an application's objects", "spec.list"),
    ),
    ("specs",),
)

TOKEN: Final = Branch(
    "token",
    "Get into a router that asks for tokens",
    (Leaf("create", "Get a token for user name and password", "token.create"),),
)

COMPLETION: Final = Branch(
    "completion",
    "Complete commands, flags and names in a shell",
    (
        Leaf("bash", "Write the script for bash", "completion.bash"),
        Leaf("zsh", "Write the script for zsh", "completion.zsh"),
        Leaf("fish", "Write the script for fish", "completion.fish"),
    ),
)

SUPPORT: Final = Branch(
    "support",
    "Collect what is needed to look into a problem",
    (Leaf("dump", "Collect states, events and logs into a zip", "support.dump"),),
)

ROOT: Final[tuple[Branch | Leaf, ...]] = (
    Leaf("up", "Start the platform on this machine", "cluster.up"),
    Leaf("down", "Stop the platform on this machine", "cluster.down"),
    Leaf("status", "Show what runs on this machine", "cluster.status"),
    ENVIRONMENT,
    PACKAGE,
    FUNCTION,
    HTTPTRIGGER,
    MQTRIGGER,
    TIMETRIGGER,
    WATCH,
    TOPIC,
    CANARY,
    ARCHIVE,
    TOKEN,
    SPEC,
    COMPLETION,
    SUPPORT,
    Leaf("version", "Show versions of client and server", "version"),
    Leaf("check", "Check that the platform works", "check"),
    Leaf("top", "Show what functions do, as it goes on", "top"),
)
