"""Which institutions' people may meet in one programme, as a table by the numbers that columns hold."""

import numpy as np

from services.matching.domain.columns import Bools
from services.matching.domain.model import Policy
from services.matching.index.people import Terms


class Exchanges:
    def __init__(self, institutions: Terms) -> None:
        self._institutions = institutions
        self._table: Bools | None = None

    def ask_again(self) -> None:
        """The policy is another, or a ceiling was reached or is not any more."""
        self._table = None

    def table(self, policy: Policy) -> Bools:
        """By the mentees' institution and the mentors'. Of each institution only partners are looked at."""
        if self._table is None or len(self._table) != len(self._institutions):
            open_ = [
                (self._institutions.number(one), self._institutions.number(other))
                for one in policy.programme.admits
                for other in policy.partners(one)
                if policy.exchanges(one, other) and not policy.is_full((one, other))
            ]
            size = len(self._institutions)
            self._table = np.zeros((size, size), dtype=np.bool_)
            self._table[tuple(np.array(open_, dtype=np.intp).reshape(-1, 2).T)] = True
        return self._table
