"""What the tests of survey and drift share: a topic of their own, and the export of a promotion in this process."""

from tests.export.conftest import export, source

__all__ = ["export", "source"]
