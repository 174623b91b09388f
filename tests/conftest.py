"""Fixtures for all tests: the real services, started when the first test asks for them. And who runs which test."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as examples

from portal_admin.embedded.stack import Cluster
from tests.services import MOST_WORKERS, OwnServices, Services, WorkersServices, unique

_services = pytest.StashKey[Services]()
#: Workers for a core: most tests wait for Kafka or for a process most of their time.
WORKERS_A_CORE = 2


# No example fails for its time: on a busy machine anything may take longer than Hypothesis expects.
examples.register_profile("console", examples.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
examples.load_profile("console")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Set Django up with this run's services, before pytest-django looks whether somebody did.

    Not in a process that runs no tests but has workers: they would inherit the name of the settings, and pytest-django
    would read them before the worker has its databases.
    """
    worker = getattr(config, "workerinput", None)
    services: Services
    if worker is None:
        services = OwnServices()
        services.configure()
    else:
        services = WorkersServices(worker["services"])
        services.configure(worker["workerid"])
    config.stash[_services] = services
    if config.getoption("dist", "no") == "no" or worker is not None:
        os.environ["DJANGO_SETTINGS_MODULE"] = "portal_admin.settings"
        django.setup()


def pytest_unconfigure(config: pytest.Config) -> None:
    services = config.stash.get(_services, None)
    if services:
        session = config.pluginmanager.get_plugin("session")
        services.stop(keep_logs=bool(session and session.testsfailed))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many workers `-n auto` means: none for single files, whose tests would be done before workers are there."""
    if all(Path(named.partition("::")[0]).is_file() for named in config.args):
        return 0
    return min(WORKERS_A_CORE * (os.cpu_count() or 1), MOST_WORKERS - 1)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker where the services are to be asked for."""
    node.workerinput["services"] = node.config.stash[_services].share()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    from tests.scheduling import GroupScheduling

    config.option.loadscopereorder = False  # the order of the collection is the right one
    return GroupScheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Workers begin with the longest groups."""
    if hasattr(config, "workerinput"):
        from tests.scheduling import rank

        items.sort(key=lambda item: rank(item.nodeid))


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
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """The database with what the migrations put there, which tests that commit put back themselves."""
    from tests import emptying

    with django_db_blocker.unblock():
        emptying.keep()


@pytest.fixture(scope="session")
def clusters(services: Services) -> dict[str, Cluster]:
    """The Kafka clusters `dev` and `sit`, each with its schema registry."""
    return services.clusters()


@pytest.fixture
def unique_name() -> Callable[[str], str]:
    """Makes a name that no other test has: for topics, subjects, groups and transactional ids."""
    return unique
