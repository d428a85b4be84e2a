"""The working set in memory: mentors as columns, and the mentees of the shards held here with the lists they have."""
