"""`python -m bridge.simulator`."""

from bridge.simulator.main import main

main()
