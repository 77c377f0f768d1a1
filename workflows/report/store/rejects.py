"""What was not taken, by reason, in memory that does not depend on how much it is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shm.datasets.tree import printable

MOST_FILES = 500
"""Files of one reason that are listed."""

MOST_REASONS = 40
"""Reasons that are told apart on a page."""

MOST_KEPT = 400
"""Reasons that are told apart while files pass; the files of further ones count as others."""

VARIES = re.compile(r"'[^']*'|\"[^\"]*\"|\S*/\S*|\b[0-9a-f]{8,}\b|\d[\d.,]*")
"""What is of one file and not of a reason: names, paths, hashes, numbers."""

KINDS = {"duplicate": "photos that are in the corpus already", "marked": "marked to be rejected"}
"""Rejects whose reason is of this kind whatever file it names."""


@dataclass(frozen=True, kw_only=True)
class File:
    """A file that was not taken; `mark` says what a mark on it is of, where it may have one."""

    source: str
    reason: str
    mark: Mapping[str, Any] | None = None


@dataclass(kw_only=True)
class Group:
    """Files whose reasons differ in names and numbers alone."""

    reason: str
    count: int = 0
    files: list[File] = field(default_factory=list)

    def add(self, file: File) -> None:
        """Count a file, and keep it where it is one of the first."""
        self.count += 1
        if len(self.files) < MOST_FILES:
            self.files.append(file)

    def told(self) -> str:
        """Return the reason, whole where it is the same for all files."""
        reasons = {file.reason for file in self.files}
        return (
            reasons.pop()
            if len(reasons) == 1 and self.reason not in KINDS.values()
            else self.reason
        )


@dataclass(kw_only=True)
class Reasons:
    """Groups of files as they pass."""

    _groups: dict[str, Group] = field(default_factory=dict)
    _others: Group = field(default_factory=lambda: Group(reason="other reasons"))
    total: int = 0

    def add(self, reject: Mapping[str, Any], mark: Mapping[str, Any] | None = None) -> None:
        """Count a reject: ``source``, ``reason``, ``duplicate``, ``marked``."""
        self.total += 1
        reason = printable(reject["reason"])
        kind = next((KINDS[name] for name in KINDS if reject.get(name)), None)
        key = kind or VARIES.sub("…", reason)
        file = File(source=printable(reject["source"]), reason=reason, mark=mark)
        if key not in self._groups and len(self._groups) >= MOST_KEPT:
            self._others.add(file)
        else:
            self._groups.setdefault(key, Group(reason=key)).add(file)

    def groups(self) -> list[Group]:
        """Return the groups, the most frequent first; the rarest are one, in the last place."""
        ranked = sorted(self._groups.values(), key=lambda each: -each.count)
        rare = ranked[MOST_REASONS:]
        if not rare:
            return ranked
        more = "at least " if self._others.count else ""
        last = Group(reason=f"and {more}{len(rare)} more reasons")
        for group in [*rare, self._others]:
            last.files += group.files[: MOST_FILES - len(last.files)]
            last.count += group.count
        return [*ranked[:MOST_REASONS], last]
