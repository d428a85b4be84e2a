"""IANA time zones that a person may have: an area and a place, or UTC.

`localtime`, `posixrules`, `right/…` and `Factory` are files beside the zones: what they mean depends on the machine.
Former names (`Asia/Calcutta`) are taken, because browsers still send them.
"""

import re
from functools import cache
from zoneinfo import available_timezones

_NAME = re.compile(
    r"UTC|(?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Etc|Europe|Indian|Pacific)/[A-Za-z0-9_+/-]+"
)


@cache
def zones() -> frozenset[str]:
    return frozenset(name for name in available_timezones() if _NAME.fullmatch(name))
