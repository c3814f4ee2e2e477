"""Images of a finished generator, and interpolations between them."""
