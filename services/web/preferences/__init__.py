"""Which e-mail a person gets, and what became of each mail."""
