"""Outreach visits: a member plans a visit to a school, and says afterwards what became of it."""
