"""``python -m fission.builder /packages``: the command of builder images."""

import sys

from fission.builder import main

if __name__ == "__main__":
    sys.exit(main.main(sys.argv[1:]))
