"""Bytes by key below one root: a folder, or a URL that fsspec knows, with a cache or without."""
