"""Clock, builders and contract suites; imported by tests only."""
