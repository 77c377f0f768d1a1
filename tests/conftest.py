"""What holds for every test."""

import os

from hypothesis import settings

# Before PyTorch is imported: see shm/cli.py.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# The same examples every time, on however busy a machine.
settings.register_profile("same", deadline=None, derandomize=True)
settings.load_profile("same")
