"""Photos to paste people on: found, chosen, and kept."""
