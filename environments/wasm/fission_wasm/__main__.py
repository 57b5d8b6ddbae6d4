"""``python -m fission_wasm``: the runtime server as a program of its own, as in a container."""

import sys

from fission_wasm import server

sys.exit(server.main(sys.argv[1:]))
