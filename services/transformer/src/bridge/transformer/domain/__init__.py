"""What a source's content means at the target: pure functions, no I/O."""
