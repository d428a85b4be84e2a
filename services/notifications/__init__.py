"""Notifications: notifies people of what concerns them, once for each occasion, and keeps their inbox.

Owns: inbox documents, each recipient's counter, the texts in every language.
Consumes: profiles.contacts, profiles.programmes, profiles.institutions (projections, for names); matching.events,
mentorships.events, profiles.events.
Publishes: notifications.events, notifications.dead-letters.
"""
