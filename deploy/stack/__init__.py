"""Finds or starts Kafka and one MongoDB server per service: environment → Docker → native → embedded.

Each started program is recorded in a journal at once, so that stopping stops exactly these programs.
"""
