"""A coordinator's pages: programmes, members, rosters and rounds."""
