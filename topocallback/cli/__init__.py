"""The command ``topocallback``."""

from topocallback.cli.main import main as main
