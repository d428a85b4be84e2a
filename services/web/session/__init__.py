"""Who is signed in: sessions, and the sign-in and sign-out at an OpenID provider."""
