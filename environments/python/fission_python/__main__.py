"""``python -m fission_python``: the runtime server as a program of its own, as in a container."""

import sys

from fission_python import server

sys.exit(server.main(sys.argv[1:]))
