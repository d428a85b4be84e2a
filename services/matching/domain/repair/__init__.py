"""People who lost their mentor are proposed again; whoever is content stays where they are, but for a declared few."""
