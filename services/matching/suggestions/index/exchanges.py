"""Exchange agreements between institutions in a programme, as boolean tables indexed by institution numbers."""

from collections.abc import Iterable

import numpy as np

from services.matching.kernel.columns import Bools, ExchangeTables
from services.matching.kernel.participants import Exchange, Policy
from services.matching.suggestions.index.people import Terms


class Exchanges:
    def __init__(self, institutions: Terms) -> None:
        self._institutions = institutions
        self._tables: ExchangeTables | None = None

    def invalidate(self) -> None:
        """To be called when the policy changes, or an exchange reaches its ceiling or falls below it."""
        self._tables = None

    def tables(self, policy: Policy) -> ExchangeTables:
        """Looks at the partners of each institution only."""
        if self._tables is None or len(self._tables.agreed) != len(self._institutions):
            agreed = [
                (institution, partner)
                for institution in policy.programme.admits
                for partner in policy.partners(institution)
                if policy.exchanges(institution, partner)
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
