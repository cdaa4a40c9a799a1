"""How a process lives and is seen: settings, lifecycle, logging, tracing, metrics, health."""
