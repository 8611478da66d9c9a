"""Every check of the stored schemas in one call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from workers.schemas.catalogue import catalogue
from workers.schemas.checks import Problem, drift_problems, example_problems, shape_problems
from workers.schemas.files import expected_files
from workers.schemas.history import default_bases, history_problems
from workers.schemas.tables_page import tables_page

__all__ = ["check"]


def check(
    root: Path, dsn: str | None = None, *, with_tables: bool = True, against: Sequence[str] | None = None
) -> list[Problem]:
    """Return everything that is wrong with the schemas below *root*; an empty list where they are right.

    Args:
        root: the repository's folder.
        dsn: of a data base for the read models' reference, ``None`` for a fresh embedded server.
        with_tables: whether to check that reference.
        against: git revisions whose schemas count as published, ``None`` for the last commit and newest release.
    Raises:
        SchemaError: an older version's schema is missing, or a revision is unknown.
    """
    folder = root / "schemas"
    entries = catalogue(folder)
    bases = default_bases(root) if against is None else against
    shapes = list(shape_problems(folder, entries))
    changed = {problem.path for problem in shapes}
    expected = expected_files(entries, tables_page(dsn) if with_tables else None)
    drift = [problem for problem in drift_problems(root, expected) if problem.path not in changed]
    return [*shapes, *example_problems(folder, entries), *drift, *history_problems(root, bases)]
