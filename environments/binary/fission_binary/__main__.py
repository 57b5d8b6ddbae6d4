"""``python -m fission_binary``: the runtime server as a program of its own, as in a container."""

import sys

from fission_binary import server

sys.exit(server.main(sys.argv[1:]))
