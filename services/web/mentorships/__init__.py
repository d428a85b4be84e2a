"""A person's mentorships: course, agreement, goals, meetings, messages and check-ins; guides and calendar."""
