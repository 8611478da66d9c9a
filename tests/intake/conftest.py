from __future__ import annotations

from tests.api.conftest import core, twin

__all__ = ["core", "twin"]
