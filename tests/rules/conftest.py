from tests.events.conftest import browser, manager, promotion

__all__ = ["browser", "manager", "promotion"]
