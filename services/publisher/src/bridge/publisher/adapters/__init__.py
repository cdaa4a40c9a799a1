"""Where the publisher's ports meet Postgres, Kafka and OC2."""
