"""Confidential support: what a mentee asks of somebody whom they choose, and that person's page."""
