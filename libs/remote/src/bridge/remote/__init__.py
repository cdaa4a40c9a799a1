"""The edge of the world: HTTP port, classify, pacing, gates."""
