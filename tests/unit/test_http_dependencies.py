"""What a route depends on costs no thread."""

import inspect

from fastapi.params import Depends

from shared.http import requests


def test_every_dependency_is_a_coroutine() -> None:
    """FastAPI sends any other into a thread, for each request."""
    declared = [
        one.dependency
        for alias in vars(requests).values()
        for one in getattr(alias, "__metadata__", ())
        if isinstance(one, Depends)
    ]
    assert declared, "none were found"
    assert [one for one in declared if not inspect.iscoroutinefunction(one)] == []
