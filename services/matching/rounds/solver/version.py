"""A whole cohort matched at once: frozen input in, result with its certificate out; the same input, the same bytes.

SOLVER rises whenever one input would give other bytes than before; a golden round holds it.
"""

SOLVER = "preceptor-rounds-1"
