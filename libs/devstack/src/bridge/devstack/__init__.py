"""Real Kafka and Postgres without Docker, for development, tests and the demo."""
