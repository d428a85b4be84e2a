"""An OpenID provider for development and tests: people pick whom they sign in as.

Signs with the key of the local issuer (`deploy/issuer.py`), which services refuse in production.
"""
