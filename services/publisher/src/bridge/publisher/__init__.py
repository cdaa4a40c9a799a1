"""Holds wanted against confirmed and closes the difference at the target."""
