"""Run the command line as ``python -m slimdc``."""

import sys

from slimdc.cli import main

if __name__ == "__main__":
    sys.exit(main())
