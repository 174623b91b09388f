"""Fixtures for all tests: the real services, started when the first test asks for them."""

from collections.abc import Callable

import django
import pytest

from portal_admin.embedded.stack import Cluster
from tests.services import Services, unique

_services = pytest.StashKey[Services]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Set Django up with this run's services, before pytest-django looks whether somebody did."""
    services = Services()
    config.stash[_services] = services
    services.configure()
    django.setup()


def pytest_unconfigure(config: pytest.Config) -> None:
    services = config.stash.get(_services, None)
    if services:
        session = config.pluginmanager.get_plugin("session")
        services.stop(keep_logs=bool(session and session.testsfailed))


@pytest.fixture(scope="session")
def services(pytestconfig: pytest.Config) -> Services:
    """PostgreSQL and Valkey, running. Every test that uses the database has it already."""
    services = pytestconfig.stash[_services]
    services.start()
    return services


@pytest.fixture(scope="session")
def django_db_modify_db_settings(services: Services) -> None:
    """Have pytest-django use the database of DATABASE_URL itself, so that processes a test starts see the same one."""
    from django.conf import settings

    database = settings.DATABASES["default"]
    database.setdefault("TEST", {})["NAME"] = database["NAME"]


@pytest.fixture(scope="session")
def clusters(services: Services) -> dict[str, Cluster]:
    """The Kafka clusters `dev` and `sit`, each with its schema registry."""
    return services.clusters()


@pytest.fixture
def unique_name() -> Callable[[str], str]:
    """Makes a name that no other test has: for topics, subjects, groups and transactional ids."""
    return unique
