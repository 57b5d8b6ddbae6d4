"""``python -m fission.bundle.embedded up|down|status``."""

from __future__ import annotations

import os
import sys

from fission.base import errors
from fission.bundle.embedded import options as option_sets
from fission.bundle.embedded import report
from fission.cluster.supervisor import control


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    try:
        options = option_sets.parse(arguments, os.environ)
        if options.command == "up":
            from fission.bundle.embedded import up

            return up.run(options)
        if options.command == "down":
            stopped = control.stop(options.home, options.timeout_seconds)
            print("Fission has stopped." if stopped else f"Fission does not run in {options.home}.")
            return 0
        return report.run(options.home, options.output)
    except (errors.Error, control.ControlError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read our output has seen enough (`fission status | head`); what ran has run.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
