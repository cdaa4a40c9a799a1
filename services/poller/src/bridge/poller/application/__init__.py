"""Use cases of the poller: observe, poll, sweep, heal, and the acts of operators."""
