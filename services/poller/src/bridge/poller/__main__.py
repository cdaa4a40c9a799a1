"""`python -m bridge.poller`."""

from bridge.poller.main import main

main()
