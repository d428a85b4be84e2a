"""Rounds without a server (`./dev match`): spreadsheets, tables and plots around the solver of matching."""
