"""Placeholder."""

from promotion.actions.lease import Lease


def run(lease: Lease) -> None:
    raise NotImplementedError
