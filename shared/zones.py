"""The IANA time zones that a person may choose: an area and a city, or UTC.

Excludes `localtime`, `posixrules`, `right/…` and `Factory`, whose meaning depends on the machine. Includes former names
(`Asia/Calcutta`), because browsers still send them.
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
