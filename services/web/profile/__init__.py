"""A person's own profile, in short steps."""
