"""Stores and runs as pages of one file: templates, styles and scripts are in ``web/``."""
