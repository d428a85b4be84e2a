"""The first page: what needs the person's attention."""
