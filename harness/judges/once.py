"""What several judges ask of one record is worked out once."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from harness.record import Record

T = TypeVar("T")


def once(question: Callable[[Record], T]) -> Callable[[Record], T]:
    """``question`` with a memory: the second time a record's answer is given again, for as long as the record lives.

    For answers that nobody changes, of records that nobody changes. What it raises is not remembered.
    """
    known: WeakKeyDictionary[Record, T] = WeakKeyDictionary()

    @wraps(question)
    def answer(record: Record) -> T:
        if record not in known:
            known[record] = question(record)
        return known[record]

    return answer
