"""Streams of random numbers: what one consumer draws is nobody else's business."""

import numpy as np

from gradproof._numerics.streams import Streams


def test_a_draw_more_changes_nothing_elsewhere():
    once, often = Streams(3), Streams(3)
    often("directions").uniform(size=7)
    once("directions")
    assert np.array_equal(once("designs").uniform(size=5), often("designs").uniform(size=5))


def test_a_stream_goes_on_and_a_new_one_begins():
    streams = Streams(3)
    first, second = streams("lines").uniform(), streams("lines").uniform()
    assert first != second
    assert streams.new("lines").uniform() == first
    assert streams("lines").uniform() not in (first, second)


def test_parts_seeds_and_consumers_differ():
    several = (Streams(3), Streams(4), Streams(3, "beside"))
    drawn = {streams(name).uniform() for streams in several for name in ("a", "b")}
    assert len(drawn) == 6
