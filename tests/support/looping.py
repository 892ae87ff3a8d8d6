"""A loop of the product's in a thread of the test, for as long as a block lasts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def looping(loop: Callable[[threading.Event], object]) -> Iterator[None]:
    """`loop` gets the signal that ends it, and has ended when the block has."""
    stop = threading.Event()
    thread = threading.Thread(target=loop, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
