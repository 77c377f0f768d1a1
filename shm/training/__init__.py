"""Training: configuration, batches, objectives, and the loop that any kill may interrupt."""
