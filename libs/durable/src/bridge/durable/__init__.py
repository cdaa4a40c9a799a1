"""The only home of the Postgres driver: pool, migrations, lease, outbox, relay."""
