"""Kafka and one MongoDB server per service, found or started: environment → Docker → native → embedded.

Everything started is written to a journal before anything can go wrong, so that stopping stops exactly that.
"""
