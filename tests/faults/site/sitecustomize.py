"""Arms the processes that Python starts while this folder is on its path; see ``hook.py``."""

import runpy
from pathlib import Path

runpy.run_path(str(Path(__file__).parents[1] / "hook.py"))
