"""Telling (an event comes in), reading (a person looks), live (a person keeps looking)."""
