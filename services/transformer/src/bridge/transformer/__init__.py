"""Pure mapping from source content to target content, on Kafka alone."""
