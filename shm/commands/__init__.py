"""The commands, one a module: options in, a workflow called, its outcome told."""
