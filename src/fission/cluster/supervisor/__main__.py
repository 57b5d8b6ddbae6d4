"""`python -m fission.cluster.supervisor --home H`: exit code 3 when the home is already run."""

from __future__ import annotations

import argparse
import logging
import logging.handlers
import os
import sys
from pathlib import Path

from fission.cluster.supervisor import app, config, home, hostports

EXIT_FAILED = 1
EXIT_ALREADY_RUNNING = 3
MAX_LOG_BYTES = 8 * 1024 * 1024


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="fission.cluster.supervisor")
    parser.add_argument("--home", type=Path, required=True, help="folder with cluster.json")
    parser.add_argument("--verbose", action="store_true", help="log to standard error, too")
    options = parser.parse_args(arguments)
    os.umask(0o077)
    place = home.Home(options.home)
    try:
        settings = config.load(place.config_path)
        place.prepare()
        lock = place.lock()
    except home.AlreadyRunning as error:
        print(f"error: {place.root}: {error}", file=sys.stderr)
        return EXIT_ALREADY_RUNNING
    except (config.ConfigError, home.HomeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_FAILED
    _log_to(place.logs / "supervisor.log", verbose=options.verbose)
    try:
        return app.Supervisor(place, settings).run()
    except (hostports.PortTaken, home.HomeError) as error:
        logging.getLogger(__name__).error("supervisor did not start: %s", error)
        print(f"error: {error}", file=sys.stderr)
        return EXIT_FAILED
    finally:
        os.close(lock)


def _log_to(path: Path, *, verbose: bool) -> None:
    handlers: list[logging.Handler] = [
        logging.handlers.RotatingFileHandler(path, maxBytes=MAX_LOG_BYTES, backupCount=1)
    ]
    if verbose:
        handlers.append(logging.StreamHandler())
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        handlers=handlers,
    )


if __name__ == "__main__":
    sys.exit(main())
