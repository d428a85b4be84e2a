"""Pages for operators: what runs, what waits, and records that could not be handled."""
