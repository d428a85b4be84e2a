"""Which institutions' people may meet in one programme, as tables by the numbers that columns hold."""

from collections.abc import Iterable

import numpy as np

from services.matching.kernel.columns import Bools, ExchangeTables
from services.matching.kernel.participants import Exchange, Policy
from services.matching.suggestions.index.people import Terms


class Exchanges:
    def __init__(self, institutions: Terms) -> None:
        self._institutions = institutions
        self._tables: ExchangeTables | None = None

    def ask_again(self) -> None:
        """The policy is another, or a ceiling was reached or is not any more."""
        self._tables = None

    def tables(self, policy: Policy) -> ExchangeTables:
        """Of each institution only partners are looked at."""
        if self._tables is None or len(self._tables.agreed) != len(self._institutions):
            agreed = [
                (one, other)
                for one in policy.programme.admits
                for other in policy.partners(one)
                if policy.exchanges(one, other)
            ]
            below_ceiling = [exchange for exchange in agreed if not policy.is_full(exchange)]
            self._tables = ExchangeTables(agreed=self._table(agreed), below_ceiling=self._table(below_ceiling))
        return self._tables

    def tables_without(self, closed: Iterable[Exchange], policy: Policy) -> ExchangeTables:
        """As if these exchanges had reached their ceilings."""
        tables = self.tables(policy)
        below_ceiling = tables.below_ceiling.copy()
        for exchange in closed:
            below_ceiling[tuple(self._institutions.number(home) for home in exchange)] = False
        return ExchangeTables(agreed=tables.agreed, below_ceiling=below_ceiling)

    def _table(self, exchanges: Iterable[Exchange]) -> Bools:
        numbers = [[self._institutions.number(home) for home in exchange] for exchange in exchanges]
        size = len(self._institutions)
        table = np.zeros((size, size), dtype=np.bool_)
        table[tuple(np.array(numbers, dtype=np.intp).reshape(-1, 2).T)] = True
        return table
