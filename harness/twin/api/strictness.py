"""Where botocore and moto are more lenient than AWS: their own classes, made as strict as the services.

They are handed in, since only the gateway imports either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def strict(validator: Any) -> Callable[[], Any]:
    """``validator`` (botocore's ``ParamValidator``) made as strict as a service."""

    class Strict(validator):  # type: ignore[misc]
        """botocore leaves enums and upper bounds to the service; here we are the service."""

        def _validate_string(self, param: Any, shape: Any, errors: Any, name: str) -> None:
            super()._validate_string(param, shape, errors, name)
            if isinstance(param, str):
                if shape.enum and param not in shape.enum:
                    errors.report(name, "invalid type", param=param, valid_types=list(shape.enum))
                self._at_most(len(param), shape, errors, name)

        def _validate_integer(self, param: Any, shape: Any, errors: Any, name: str) -> None:
            super()._validate_integer(param, shape, errors, name)
            if isinstance(param, int):
                self._at_most(param, shape, errors, name)

        _validate_long = _validate_integer

        def _validate_list(self, param: Any, shape: Any, errors: Any, name: str) -> None:
            super()._validate_list(param, shape, errors, name)
            if isinstance(param, list | tuple):
                self._at_most(len(param), shape, errors, name)

        @staticmethod
        def _at_most(measure: int, shape: Any, errors: Any, name: str) -> None:
            limit = shape.metadata.get("max", measure)
            if measure > limit:
                errors.report(name, "invalid range", param=measure, min_allowed=f"at most {limit}")

    return Strict


def exact_json(parser: Any) -> Any:
    """``parser`` (moto's ``JSONParser``) that takes values only of the type that the model gives them."""

    class ExactJson(parser):  # type: ignore[misc]
        """moto takes a string for a list of its letters, and text for a number; AWS refuses both."""

        def _parse_list(self, shape: Any, node: Any) -> Any:
            if not isinstance(node, list):
                raise TypeError(f"{node!r} is not a list")
            return super()._parse_list(shape, node)

        def _parse_integer(self, _: Any, value: Any) -> Any:
            if not isinstance(value, int | float):
                raise TypeError(f"{value!r} is not a number")
            return int(value)

        _parse_long = _parse_integer

    return ExactJson
