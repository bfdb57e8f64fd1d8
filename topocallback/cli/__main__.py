"""``python -m topocallback.cli``."""

import sys

from topocallback.cli.current_folder import forget_current_folder
from topocallback.cli.main import main

if __name__ == "__main__":
    forget_current_folder()
    sys.exit(main())
