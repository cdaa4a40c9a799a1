"""Named queries of the console. It owns no table."""
