"""Drawing images from a finished generator."""
