"""The shapes that an engine was asked for: requests that mean the same to every node share one."""

from __future__ import annotations

from collections.abc import Callable

from bayplan.scheduler.shape import Shape, shapes_of
from bayplan.scheduler.types import DeviceRequest, Request

_MAX_SHAPES = 65_536

Question = tuple[object, ...]


class AskedShapes:
    """A bounded table of shapes by what is asked; emptied when it is full.

    Parameters
    ----------
    dropped
        Told when the table is emptied: nobody can ask for its columns any more.
    by_images
        Whether pods with other images ask something else: a policy looks at them.

    Attributes
    ----------
    column_of
        The shape whose score column a shape shares: what nodes see of them is equal.
    """

    def __init__(self, dropped: Callable[[], None], *, by_images: bool = False) -> None:
        self.column_of: dict[Shape, Shape] = {}
        self._dropped = dropped
        self._by_images = by_images
        self._shapes: dict[Question, tuple[Shape, ...]] = {}
        self._quick: dict[Question, tuple[tuple[DeviceRequest, ...], tuple[Shape, ...]]] = {}
        self._alike: dict[Question, Shape] = {}

    def shapes(self, request: Request) -> tuple[Shape, ...]:
        """Return the request's ways to be satisfied, the most wanted first."""
        # Pods of one kind have one ``devices`` object; hashing it for every pod shows in the loop.
        devices = request.devices
        images = request.images if self._by_images else ()
        rest = request.resources, request.node_labels, request.topology, images
        quick = request.cpu_milli, request.memory_mib, id(devices), *rest
        known = self._quick.get(quick)
        if known is not None and known[0] is devices:
            return known[1]
        question = request.cpu_milli, request.memory_mib, devices, *rest
        shapes = self._shapes.get(question) or self._new_shapes(question, request)
        if len(self._quick) >= _MAX_SHAPES:
            self._quick.clear()
        self._quick[quick] = devices, shapes
        return shapes

    def _new_shapes(self, question: Question, request: Request) -> tuple[Shape, ...]:
        if len(self.column_of) >= _MAX_SHAPES:
            for table in (self._quick, self._shapes, self._alike, self.column_of):
                table.clear()
            self._dropped()
        shown = request if self._by_images else request._replace(images=())
        shapes = self._shapes[question] = shapes_of(shown)
        for shape in shapes:
            # Pods with claims of their own, or models in another order, share a column.
            self.column_of[shape] = self._alike.setdefault(shape.content, shape)
        return shapes
