"""A programme's other weights or limits, tried on its people as they are, before anybody sees a list made by them."""
