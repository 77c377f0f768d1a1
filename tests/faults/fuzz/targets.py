"""Everything that reads what others made, by name."""

import importlib

from tests.faults.fuzz.target import Target

MODULES = {
    "images": ("image",),
    "corpora": ("manifest-csv", "manifest-jsonl", "corpus", "name-lists"),
    "annotations": ("voc", "voc-list", "coco"),
    "stores": (
        *("store-metadata", "store-record", "store-recipe", "store-shard", "store-background"),
    ),
    "checkpoints": ("pointer", "weights", "weights-metadata"),
    "settings": ("recipe", "setting", "option"),
}
"""By module, the targets in it: none is imported before it is asked for, since some take long."""

NAMES = tuple(name for names in MODULES.values() for name in names)


def target_of(name: str) -> Target:
    """Return the target of a name."""
    module = next(module for module, names in MODULES.items() if name in names)
    targets: dict[str, Target] = importlib.import_module(f"tests.faults.fuzz.{module}").TARGETS
    return targets[name]
