"""Web: the pages on which people use the network in a browser.

Owns: the sessions of signed-in people, and no other data. A client of the services' HTTP APIs as the signed-in person:
it decides nothing, and no service calls it. It neither publishes nor consumes events.
"""
