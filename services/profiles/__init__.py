"""profiles: who is in the network, and what they offer, want and allow.

Owns institutions, programmes, members with their enrolments, the network's vocabulary, invitations and roster imports.
Publishes profiles.institutions, profiles.programmes, profiles.members, profiles.preferences, profiles.contacts,
profiles.erasures, profiles.vocabulary, profiles.events.
Consumes matching.events (who is suggested, asked and matched, for cards; receipts of erasures) and
notifications.events (receipts of erasures).
"""
