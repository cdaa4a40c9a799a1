"""The delivery: wanted against confirmed, and the one state machine that closes the difference."""
