"""The inbox, and its live stream."""
