"""Matching: every enrolled mentee's list of mentors, kept current by events; requests, relationships and seats.

Owns      lists, requests with their messages, relationships, seats, rounds with their files, rotations,
          simulations; copies of institutions, programmes, participants, preferences and the vocabulary.
Publishes matching.events (`suggestions.changed`, `request.*`, `relationship.*`, `conflict.*`, `round.*`): ids, ranks,
          reason codes; matching.assessments, for mentorships alone.
Consumes  profiles.institutions, profiles.programmes, profiles.vocabulary, profiles.members, profiles.preferences, as
          projections.
"""
