"""``python -m topocallback.cli``."""

import sys

from topocallback.cli.main import main

sys.exit(main())
