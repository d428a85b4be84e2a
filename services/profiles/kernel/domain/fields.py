"""Types of fields that several aggregates have, with the rules for their values."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError

from shared.contracts.profiles import Factor
from shared.text import Line


def wrong(code: str, message: str) -> PydanticCustomError:
    return PydanticCustomError(code, message.replace("{", "{{").replace("}", "}}"))


def _weights(weights: Mapping[Factor, int]) -> dict[Factor, int]:
    beyond = [factor for factor, weight in weights.items() if not 0 <= weight <= 100]  # noqa: PLR2004 -- as the error says
    if beyond:
        raise wrong("weights", f"must be whole numbers from 0 to 100: {', '.join(beyond)}")
    return dict(weights)


def _programmes_weights(weights: Mapping[Factor, int]) -> dict[Factor, int]:
    if "identity" in weights:
        raise wrong("weights", "must leave identity out: it counts by a person's own wish only")
    return _weights(weights)


Name = Annotated[Line, Field(min_length=1, max_length=200)]
Weights = Annotated[dict[Factor, int], AfterValidator(_weights)]
ProgrammeWeights = Annotated[dict[Factor, int], AfterValidator(_programmes_weights)]


def given(model: BaseModel) -> dict[str, Any]:
    """The fields that the request contained, by name, in the order in which the model declares them."""
    return {name: getattr(model, name) for name in type(model).model_fields if name in model.model_fields_set}
