"""Which tests run at the same time, where several workers (pytest-xdist) run them.

A worker takes one test after the other, but a group as a whole: its tests never run at once, and what they share, a
console or a long topic, is made once.
"""

from xdist.scheduler import LoadScopeScheduling

#: Files, or directories, of the tests of a group. First those that take longest, since they are begun with.
GROUPS = {
    # A console of five processes and a browser for each of the two: for more there is no memory.
    "browser, page by page": tuple(f"tests/browser/test_{name}.py" for name in ("gallery", "pages", "people")),
    "browser, stories": ("tests/browser/",),
    # Brokers, registries and a whole demo beside those of the run: there is no memory for two of them at once.
    "own services": (
        "tests/chaos/test_short.py",
        "tests/bench/kcat/test_short.py",
        "tests/embedded/test_stack.py",
        "tests/embedded/test_supervisor.py",
        "tests/quick/test_bench.py",
    ),
    # A topic of 200,000 records, and workers who must renew short leases in time.
    "killed workers": ("tests/jobs/test_killed.py", "tests/jobs/test_frozen.py", "tests/jobs/test_together.py"),
}
#: Those that have nothing to do with Django's database, so that it does not matter what was there before them.
WITHOUT_DATABASE = ("browser, stories", "browser, page by page", "own services")


def group_of(nodeid: str) -> str:
    """The group of a test, empty for most."""
    return next((name for name, places in GROUPS.items() if nodeid.startswith(places)), "")


def rank(nodeid: str) -> int:
    """Where a test belongs: groups without the database at the beginning.

    The others keep the order that pytest-django gives them: a test that empties the database behind it comes after all
    that do not. Workers take from the front, so that this holds for each of them.
    """
    group = group_of(nodeid)
    return WITHOUT_DATABASE.index(group) if group in WITHOUT_DATABASE else len(WITHOUT_DATABASE)


class GroupScheduling(LoadScopeScheduling):
    """Hands out tests in the order in which they were collected, and groups as a whole.

    xdist's own `--dist loadgroup` marks groups in the tests' names, which pytest 9.2 does not let it do any more.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid) or nodeid
