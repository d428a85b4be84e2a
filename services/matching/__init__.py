"""Matching: every enrolled mentee's list of mentors, kept current by events.

Owns      lists; copies of institutions, programmes, participants and preferences.
Publishes matching.events (`suggestions.changed`): ids, ranks and reason codes.
Consumes  profiles.institutions, profiles.programmes, profiles.members, profiles.preferences, as projections.
"""
