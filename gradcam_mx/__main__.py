"""The command line as `python -m gradcam_mx`."""

import sys

from .apps.command_line import main

if __name__ == "__main__":
    sys.exit(main())
