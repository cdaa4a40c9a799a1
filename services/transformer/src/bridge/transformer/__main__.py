"""Calls main and nothing else."""

from bridge.transformer.main import main

main()
