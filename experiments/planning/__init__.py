"""What a study will cost, and how many trainings an effect needs."""
