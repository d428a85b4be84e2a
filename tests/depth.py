"""How much a test draws: a part in every run, all of it in a night (`./dev test --full`, which sets the variable)."""

import os

from hypothesis import settings

IS_FULL = os.environ.get("PRECEPTOR_TEST_DEPTH") == "full"
_PART = 4
_AT_LEAST = 25


def examples(most: int) -> settings:
    """For properties whose examples are expensive: each run draws others, so that many runs see many."""
    return settings(max_examples=most if IS_FULL else max(most // _PART, min(most, _AT_LEAST)), deadline=None)
