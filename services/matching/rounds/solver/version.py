"""Version of the solver, in every result. The same input and the same version give the same bytes.

`SOLVER` rises whenever an input would give other bytes than before; a golden round tests it.
"""

SOLVER = "preceptor-rounds-2"
