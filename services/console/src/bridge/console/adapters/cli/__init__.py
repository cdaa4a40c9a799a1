"""The command line `bridge`: one module per group of commands."""
