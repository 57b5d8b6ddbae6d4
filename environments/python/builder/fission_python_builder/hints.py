"""From what a failed installer printed to what the person should install or change. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_COMPILER = "no C compiler on the builder: install the package build-essential (gcc, make)"

_HINTS = [
    (
        r"(command|program) '?[\w./-]*(gcc|cc|clang)'?.*(not found|No such file|failed: No such)"
        r"|[\w./-]*\b(gcc|cc|clang): (command )?not found|Unknown compiler\(s\)"
        r"|No such file or directory: '[\w./-]*(gcc|cc|clang)'",
        _COMPILER,
    ),
    (
        r"(g\+\+|c\+\+|clang\+\+)'?:? .*(not found|No such file)",
        "no C++ compiler on the builder: install the package build-essential (g++)",
    ),
    (
        r"Python\.h: No such file",
        "the interpreter's header files are missing on the builder: install the package "
        "python3-dev of the same version",
    ),
    (
        r"(?i)can't find rust compiler|cargo,? the rust package manager, is not installed"
        r"|rustc.*(not found|is not installed)|No such file or directory: '(cargo|rustc)'",
        "no Rust compiler on the builder: install the packages cargo and rustc",
    ),
    (r"pg_config( executable)?.* not found", "install the package libpq-dev on the builder"),
    (r"mysql_config.* not found", "install the package default-libmysqlclient-dev on the builder"),
    (r"ffi\.h: No such file", "install the package libffi-dev on the builder"),
    (r"libxml/\S+\.h: No such file|xml2-config", "install the packages libxml2-dev libxslt1-dev"),
    (r"openssl/\S+\.h: No such file", "install the package libssl-dev on the builder"),
    (
        r"(?i)git executable not found|cannot find command '?git'?|git(: not found| not found)"
        r"|No such file or directory: 'git'",
        "no git on the builder: install the package git",
    ),
    (r"(?i)cmake.*(not found|must be installed)|No such file or directory: 'cmake'",
     "no CMake on the builder: install the package cmake"),
    (r"pkg-config(: not found|.* is not found| not found)",
     "no pkg-config on the builder: install the package pkg-config"),
    (r"gfortran.*not found", "no Fortran compiler on the builder: install the package gfortran"),
    (
        r"fatal error: (?P<name>\S+\.h(pp)?): No such file",
        "the header file {name} is missing on the builder: install the -dev package that holds it "
        "(`apt-file search {name}` names it)",
    ),
    (
        r"(?i)(does not satisfy|requires) Python ?[<>=!~]"
        r"|requires a different Python|Requires-Python",
        "a package does not support this environment's Python {python}: choose another version of "
        "that package, or an environment with another Python",
    ),
    (
        r"(?i)dns error|failed to lookup address|name resolution|network is unreachable"
        r"|connection refused|client error \(Connect\)|Failed to establish a new connection"
        r"|network connectivity is disabled",
        "the package index could not be reached: give the environment FISSION_WHEELS (a folder of "
        "wheels) or PIP_INDEX_URL with --builder-env",
    ),
    (
        r"(?i)invalid peer certificate|certificate verify failed|UnknownIssuer|unknown issuer",
        "the index's certificate is not known to the builder: install the package ca-certificates "
        "there, or name a file with --builder-env SSL_CERT_FILE=/etc/ssl/…",
    ),
    (
        r"(?i)no space left on device",
        "the builder's disk is full",
    ),
    (
        r"Permission denied|Read-only file system",
        "a build can write below SRC_PKG, DEPLOY_PKG, its HOME and its caches only",
    ),
]  # fmt: skip

_WHEELS = "only wheels in {wheels} are used (FISSION_WHEELS); `pip download -d` adds to it"

_PATTERNS = [(re.compile(pattern), text) for pattern, text in _HINTS]


def find(lines: Iterable[str], python: str, wheels: str = "") -> list[str]:
    """What to do, one sentence for each cause that the lines show; the plainest cause first."""
    found: dict[str, None] = {}
    text = [line.strip() for line in lines]
    text.append(" ".join(text))  # uv breaks its sentences into lines
    for pattern, advice in _PATTERNS:
        match = next(filter(None, map(pattern.search, text)), None)
        if match:
            named = {"python": python, **match.groupdict()}
            found[advice.format(**named)] = None
    if wheels:
        found[
            f"only wheels in {wheels} are used (FISSION_WHEELS); `pip download -d` adds to it"
        ] = None
    return list(found)
