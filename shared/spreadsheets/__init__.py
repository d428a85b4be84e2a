"""People's spreadsheets (CSV, XLSX): read, cleaned and mapped to fields in the same way wherever a file is taken."""
