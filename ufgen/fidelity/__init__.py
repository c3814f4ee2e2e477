"""How good synthetic images are, and whether they are copies: measured, not guessed."""
