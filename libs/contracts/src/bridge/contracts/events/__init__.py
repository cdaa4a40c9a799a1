"""Frozen payload models, every version side by side."""
