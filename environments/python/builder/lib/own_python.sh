# Sourced by the commands beside: gives a build a Python of its own (own, own_python) in its HOME.
#
# A build that says `pip install something` without a folder must change neither the platform's
# installation nor another build's. The environment is made when first asked for.
: "${FISSION_PYTHON:=$(command -v /usr/local/bin/python3 || command -v /usr/bin/python3)}"
export FISSION_PYTHON
own="${HOME:?a build needs a HOME}/.build-python"
own_python="$own/bin/python"
if [ ! -e "$own/.complete" ]; then
    "$FISSION_PYTHON" -I -m venv --without-pip "$own" >&2 || exit 1
    modules=$(dirname "$(readlink -f "$0")")/../lib/modules
    for site in "$own"/lib/python3*/site-packages; do
        (cd "$modules" && pwd) >"$site/build_tools.pth"
    done
    : >"$own/.complete"
fi
if [ -n "${FISSION_WHEELS:-}" ]; then
    case $FISSION_WHEELS in
    /*) ;;
    *) FISSION_WHEELS="${SRC_PKG:-.}/$FISSION_WHEELS" ;;
    esac
    export FISSION_WHEELS PIP_NO_INDEX=1 PIP_FIND_LINKS="$FISSION_WHEELS"
    export UV_OFFLINE=1 UV_FIND_LINKS="$FISSION_WHEELS"
fi
