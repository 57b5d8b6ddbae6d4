"""``python -m fission.cluster.kubelet.zygote``: enter namespaces, fork the spawner, leave.

Settings come as JSON on standard input (``client`` writes them). The launched process ends as soon
as the spawner proper exists, which has a session of its own and no tie to the kubelet.
"""

import json
import os
import socket
import sys
from typing import Any

from fission.cluster.kubelet.sandbox import spaces
from fission.cluster.kubelet.zygote import messages, spawner, wire


def main() -> int:
    settings: dict[str, Any] = json.load(sys.stdin)
    connection = socket.socket(fileno=settings["connection_fd"])
    try:
        image = messages.ImageLaunch.from_dict(settings["image"])
        if settings["mode"] == "full" and image.confined:
            spaces.enter_spawner()
    except (OSError, TypeError, ValueError) as error:
        wire.send(connection, {"event": "failed", "message": f"cannot set up: {error}"}, [])
        return 0
    if os.fork():
        return 0
    listening = socket.socket(fileno=settings["listen_fd"])
    options = spawner.Options(image, settings["mode"], settings["run_dir"])
    return spawner.run(options, listening, connection)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
