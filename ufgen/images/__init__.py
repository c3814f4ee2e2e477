"""Image sets: reading, decoding, splitting; the table and the pixels that every part is handed."""
