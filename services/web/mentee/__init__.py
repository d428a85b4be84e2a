"""A mentee's pages: who fits and why, asking a mentor, and what became of it."""
