"""A package, so that its fixtures end with it: see `_ORDER` in tests/conftest.py."""
