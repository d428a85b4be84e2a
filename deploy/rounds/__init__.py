"""Rounds without a server: `./dev match`. The solver is matching's own; here are spreadsheets, tables, plots."""
