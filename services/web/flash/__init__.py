"""Flash slots: short conversations that mentors offer and mentees book, outside of a mentoring."""
