"""Planning of a study: its time and disk space, and the power to detect an effect."""
