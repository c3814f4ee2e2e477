"""The design of a study: its file, arms, trials and the levels of a sweep."""
