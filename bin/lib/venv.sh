# Sourced by the scripts in bin/: makes and fills .venv. Installs only when a lock file changed.

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    echo "Fission needs Python 3.11 or newer; set PYTHON to one." >&2
    return 1
}

# make_venv: also where the interpreter's venv module lacks pip (Debian without python3-venv).
make_venv() {
    local python
    python=$(find_python) || return 1
    [ -x .venv/bin/python ] || "$python" -m venv .venv 2>/dev/null ||
        "$python" -m venv --without-pip .venv
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        if "$python" -m pip --version >/dev/null 2>&1; then
            "$python" -m pip --python .venv/bin/python install --quiet pip
        else
            echo "No pip for $python: install python3-pip or python3-venv." >&2
            return 1
        fi
    fi
}

# prepare_venv LOCKFILE: .venv holds exactly what the lock file pins, and this checkout.
prepare_venv() {
    local lock=$1 stamp
    make_venv
    stamp=$(cat "$lock" pyproject.toml | sha256sum | cut -d' ' -f1)
    if [ "$(cat ".venv/.installed-$lock" 2>/dev/null)" != "$stamp" ]; then
        echo "Installing into .venv (once) ..."
        .venv/bin/python -m pip install --quiet --disable-pip-version-check \
            --require-hashes --requirement "$lock"
        .venv/bin/python -m pip install --quiet --disable-pip-version-check \
            --no-deps --editable .
        echo "$stamp" >".venv/.installed-$lock"
    fi
}
