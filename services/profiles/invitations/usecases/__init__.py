"""Invites one member, or all members of a programme; binds the sign-in of the person who accepts."""
