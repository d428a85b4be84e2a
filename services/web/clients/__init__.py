"""The services' HTTP APIs, as the pages use them: one module each, every call as the signed-in person."""
