"""Image sets: reading, decoding and splitting them, as a table and an array of pixels."""
