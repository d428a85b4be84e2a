"""What a route depends on costs no thread."""

import inspect

from fastapi.params import Depends

from shared.http import requests


def test_every_dependency_is_a_coroutine() -> None:
    """FastAPI sends any other into a thread, for each request."""
    declared = [
        metadata.dependency
        for alias in vars(requests).values()
        for metadata in getattr(alias, "__metadata__", ())
        if isinstance(metadata, Depends)
    ]
    assert declared, "none were found"
    assert [dependency for dependency in declared if not inspect.iscoroutinefunction(dependency)] == []
