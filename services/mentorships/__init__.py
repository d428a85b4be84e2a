"""Mentorships: how a mentoring goes from the match to its end. Seats stay with matching.

Owns: mentorships from introduction to end, programmes' mentoring policies, flash slots, outreach visits,
  mentoring groups.
Consumes: matching.events; profiles.mentoring, profiles.members, profiles.programmes, profiles.erasures,
  matching.assessments (projections).
Publishes: mentorships.events, mentorships.dead-letters.
"""
