"""What was declared before the first training, what was changed later, and every verdict."""
