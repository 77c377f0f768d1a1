"""Composites: how they are planned, written down as recipes, and made of them."""
