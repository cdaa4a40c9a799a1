"""`python -m bridge.console`."""

from bridge.console.main import run

run()
