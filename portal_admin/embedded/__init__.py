"""Real services for a machine that has none: PostgreSQL, Valkey, Kafka and schema registries as child processes.

For `make demo`, `make services` and `make test`. Needs the dependency group `embedded`; production never imports it.
"""
