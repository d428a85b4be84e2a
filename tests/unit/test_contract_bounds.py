"""Every integer, string, list, mapping and date of every contract has a bound, which its schema need not show."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from bson import encode
from pydantic import TypeAdapter, ValidationError

from shared.contracts.catalogue import EVENTS
from shared.contracts.payload import Part
from shared.contracts.schema import schemas

_TOO_MUCH: dict[type[Any], tuple[Any, ...]] = {
    int: (2**63, 2**70, -(2**63) - 1),
    str: ("x" * 20_001, "1" * 1_000_000),
    datetime: ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", 10**18),
}
_LONG = 20_001


def fields(part: type[Part], at: str) -> Iterator[tuple[str, Any]]:
    """Every field of a contract and of its parts, with its whole annotation."""
    for name, field in part.model_fields.items():
        annotation = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        yield from leaves(annotation, f"{at}.{name}")


def leaves(annotation: Any, at: str) -> Iterator[tuple[str, Any]]:
    yield at, annotation
    inner = plain(annotation)
    if isinstance(inner, type) and issubclass(inner, Part):
        yield from fields(inner, at)
    elif get_origin(inner) is not Literal:
        around = annotation.__metadata__ if get_origin(inner) in {Union, UnionType} and inner is not annotation else ()
        for position, argument in enumerate(get_args(inner)):
            if argument not in (Ellipsis, type(None)):
                bounded = Annotated[(argument, *around)] if around else argument
                yield from leaves(bounded, f"{at}[{position}]")


def plain(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def kind(annotation: Any) -> Any:
    return get_origin(plain(annotation)) or plain(annotation)


def _every() -> Mapping[str, tuple[Any, list[str]]]:
    """Each annotation once, with the fields that have it: most fields have one of a few types."""
    found: dict[str, tuple[Any, list[str]]] = {}
    for event in EVENTS.values():
        for at, annotation in fields(event, event.TYPE.removeprefix("org.preceptor.")):
            found.setdefault(repr(annotation), (annotation, []))[1].append(at)
    return found


EVERY = [pytest.param(annotation, " ".join(places), id=places[0]) for annotation, places in _every().values()]


def refuses(annotation: Any, value: Any) -> bool:
    try:
        TypeAdapter(annotation).validate_json(json.dumps(value))
    except ValidationError:
        return True
    return False


@pytest.mark.parametrize(("annotation", "places"), EVERY)
def test_a_field_has_a_bound(annotation: Any, places: str) -> None:
    of_kind = kind(annotation)
    if of_kind in _TOO_MUCH:
        assert all(refuses(annotation, value) for value in _TOO_MUCH[of_kind]), places
    elif of_kind is tuple:
        item_kind, _ = get_args(plain(annotation))
        assert refuses(annotation, [next(example(item_kind))] * _LONG), places
    elif of_kind is dict:
        names, values = get_args(plain(annotation))
        is_closed = get_origin(names) is Literal
        assert is_closed or refuses(annotation, {f"k{n}": 1 for n in range(_LONG)}), places
        assert refuses(values, 2**63), places
    else:
        assert of_kind in {bool, Literal, Union, UnionType} or issubclass(of_kind, Part), (
            f"a kind without a known bound: {places}"
        )


def example(annotation: Any) -> Iterator[Any]:
    """A right value."""
    tried: tuple[Any, ...] = (
        *("a", "mentor", "video", "mon-01-02", "2027-01-08T17:00"),
        {"member": "a", "institution": "a", "partner": "a", "programme": "a", "roles": [], "mentor": "a", "rank": 1},
    )
    return (value for value in tried if not refuses(annotation, value))


def test_the_largest_values_within_bounds_can_be_stored() -> None:
    assert encode({"sequence": 2**53 - 1, "offset": 2**63 - 1})


def test_bounds_that_were_added_later_are_in_no_schema() -> None:
    """The compatibility test refuses a narrower schema: a writer of yesterday may be wider (FULL_TRANSITIVE)."""
    capacity = schemas()["org.preceptor.profiles.member.changed.v1"]["properties"]["capacity"]
    assert capacity.keys().isdisjoint({"minimum", "maximum"})
