"""The operator console: the CLI bridge."""
