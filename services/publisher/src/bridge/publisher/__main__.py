"""`python -m bridge.publisher`."""

from bridge.publisher.main import main

main()
