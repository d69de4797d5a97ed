"""People, memberships, keys and sign-in."""
