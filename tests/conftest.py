"""What holds for every test."""

import os

# Before PyTorch is imported: see shm/cli.py.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
