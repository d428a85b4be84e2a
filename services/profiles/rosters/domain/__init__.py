"""A roster: a CSV file, read through the institution's own mapping, row by row."""
