"""The pages of mentorings that have begun, for both sides."""
