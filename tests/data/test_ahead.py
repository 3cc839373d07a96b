"""Samples are read ahead: in order, no more of them than may be in memory, by several threads."""

from __future__ import annotations

import threading
import time
import weakref

import numpy as np
import pytest
from data_sets import colours, folder_of
from PIL import ImageFile

from gradcam_mx.data import open_samples, read_ahead
from gradcam_mx.data.samples import Sample
from gradcam_mx.errors import InputError, PhotoError


class Counted:
    """Samples that know how many of them are alive, and which threads read."""

    record, label_names = {}, None

    def __init__(self, count=40, wait=0.0):
        self.count, self.wait = count, wait
        self.alive, self.most, self.threads = 0, 0, set()
        self.lock = threading.Lock()

    def __len__(self):
        return self.count

    def read(self, number):
        self.threads.add(threading.current_thread())
        time.sleep(self.wait * (number % 3))
        values = np.full((2, 2, 3), number, np.uint8)
        with self.lock:
            self.alive += 1
            self.most = max(self.most, self.alive)
        weakref.finalize(values, self.gone)
        if number % 7 == 5:
            raise PhotoError(f"{number} is damaged")
        return Sample(values, "", number)

    def gone(self):
        with self.lock:
            self.alive -= 1


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_in_order_with_errors_in_their_places(threads):
    samples = Counted(wait=0.002)
    numbers = [*range(39, -1, -1), 3, 3]
    found = list(read_ahead(samples, iter(numbers), threads))
    assert [number for number, _ in found] == numbers
    for number, one in found:
        if number % 7 == 5:
            assert isinstance(one, PhotoError)
            assert str(one) == f"{number} is damaged"
        else:
            assert one.label == number
    readers = samples.threads - {threading.main_thread()}
    assert len(readers) == threads
    assert not any(one.is_alive() for one in readers)


@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_no_more_in_memory_than_ahead(ahead):
    samples = Counted()
    for number, one in read_ahead(samples, (one for one in range(40) if one % 7 != 5), 2, ahead):
        time.sleep(0.003)
        assert one.label == number
        del one
    assert samples.most <= ahead
    assert samples.most == ahead or ahead == 5
    assert samples.alive == 0


def test_what_is_in_memory_counts_the_callers():
    samples = Counted()
    for _, held in read_ahead(samples, [0, 1, 2, 3, 4, 6, 7, 8], 2, 3):
        time.sleep(0.005)
        assert held.values.shape == (2, 2, 3)
        assert samples.alive <= 3
    assert samples.most == 3


def test_whoever_stops_early_leaves_no_thread():
    samples = Counted(wait=0.01)
    reading = read_ahead(samples, range(40), 2)
    next(reading)
    reading.close()
    assert not any(one.is_alive() for one in samples.threads)
    assert list(read_ahead(samples, [], 2)) == []


def test_other_errors_come_through():
    class Broken(Counted):
        def read(self, number):
            raise KeyError(number)

    for threads in (0, 1):
        with pytest.raises(KeyError):
            list(read_ahead(Broken(), [1], threads))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": -1}, "threads=-1; expected a whole number from 0 on"),
        ({"threads": 1.5}, r"threads=1\.5"),
        ({"ahead": 0}, "ahead=0; expected a whole number from 1 on"),
    ],
)
def test_numbers_that_are_none(options, message):
    with pytest.raises(InputError, match=message):
        read_ahead(Counted(), [0], **options)


@pytest.mark.parametrize("asked", [True, False])
def test_truncated_photos_are_refused_by_all_threads(tmp_path, monkeypatch, asked):
    """Pillow's setting, which is one for all threads, is as it was when the last has read."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", asked)
    folder_of(tmp_path, [f"{number:02d}.png" for number in range(60)])
    for number in range(0, 60, 2):
        path = tmp_path / f"{number:02d}.png"
        path.write_bytes(path.read_bytes()[:-30])
    samples = open_samples(tmp_path)
    for _ in range(3):
        for number, one in read_ahead(samples, range(60), 8, 16):
            if number % 2:
                np.testing.assert_array_equal(one.values, colours(number))
            else:
                assert isinstance(one, PhotoError)
        assert ImageFile.LOAD_TRUNCATED_IMAGES is asked
