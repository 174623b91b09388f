"""The project's own commands: what starts it."""
