"""Descriptions of fields in JSON Schemas: the docstring below each field.

pydantic's `use_attribute_docstrings` reads the source of a class when the class is defined, which took half of the time
of importing the contracts, in each process. Here the source is read when a schema is generated.
"""

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class Described:
    """Mixin of models and pydantic dataclasses. A field that a subclass declares again has that docstring, or none."""

    __slots__ = ()

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, text in _docstrings_of(cls).items():
            if text and name in properties:
                properties[name].setdefault("description", text)
        return schema


def _docstrings_of(described: type) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for each in reversed(described.__mro__):
        if issubclass(each, Described):
            found |= _docstrings(each.__module__).get(each.__name__, {})
    return found


@cache
def _docstrings(module: str) -> Mapping[str, Mapping[str, str]]:
    """The docstring of each field of each class, empty where a field has none."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: dict(_fields(node.body)) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def _fields(body: Sequence[ast.stmt]) -> Iterator[tuple[str, str]]:
    for statement, following in pairwise([*body, ast.Pass()]):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id, _text(following)


def _text(statement: ast.stmt) -> str:
    match statement:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return inspect.cleandoc(text)
    return ""
