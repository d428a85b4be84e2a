"""Who may be suggested to whom, and in which order. Pure."""
