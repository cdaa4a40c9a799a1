"""The transformer's use cases, which know neither Faust nor Kafka."""
