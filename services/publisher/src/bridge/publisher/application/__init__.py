"""The publisher's use cases; they see the world through `ports` alone."""
