"""A mentor's pages: who asks for mentoring, and the answer."""
