"""A person's data: who sees what, a copy of all of it, and its erasure."""
