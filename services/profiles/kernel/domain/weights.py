"""Weights as events carry them: factors added after the contract's first version go into `further_weights`."""

from collections.abc import Mapping

from shared.contracts.profiles import FIRST_FACTORS, Factor, FirstFactor


def split_weights(weights: Mapping[Factor, int]) -> tuple[dict[FirstFactor, int], dict[str, int]]:
    """`weights` and `further_weights` of a fact."""
    further = {str(factor): weight for factor, weight in weights.items() if factor not in FIRST_FACTORS}
    return {factor: weights[factor] for factor in FIRST_FACTORS if factor in weights}, further
