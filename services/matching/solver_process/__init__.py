"""The process that computes rounds, repairs and simulations, so that neither API nor lists stand still for a minute.

The service starts it (`client`) as `python -m services.matching.solver_process` for one job. It writes into its folder
only; the service decides what becomes of that. This package imports nothing: a job imports what it needs.
"""
