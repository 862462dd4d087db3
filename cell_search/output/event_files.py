"""TensorBoard's files, written by its own protocol buffers: TensorFlow's writers are slower."""

from __future__ import annotations

import itertools
import os
import pathlib
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import summary_v2 as hparams
from tensorboard.summary.writer.record_writer import RecordWriter

from cell_search.space.space import Decision
from cells.support.files import writing

_COUNTER = itertools.count()


class EventFile:
    """One run on TensorBoard's pages.

    Args:
        folder: of the run; made with the first record.
    """

    def __init__(self, folder: pathlib.Path):
        self._folder = folder
        self._writer: Any = None

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Adds a point to each curve.

        Args:
            values: by the names of the curves.
            step: their place on the axis.
        """
        self.add(Summary(value=[{"tag": k, "simple_value": v} for k, v in values.items()]), step)

    def picture(self, name: str, png: bytes, step: int) -> None:
        """Adds a picture, the content of a PNG file, to a series of them.

        Args:
            name: of the series.
            png: the content of the file.
            step: its place in the series.
        """
        # PNG (W3C), section 11.2.1: width and height are the first fields of the first chunk.
        width, height = struct.unpack(">II", png[16:24])
        image = Summary.Image(width=width, height=height, colorspace=4, encoded_image_string=png)
        self.add(Summary(value=[Summary.Value(tag=name, image=image)]), step)

    def decisions(self, decisions: Sequence[Decision], metric: str) -> None:
        """Declares hyper-parameters; their values are in runs below this one.

        Args:
            decisions: each is a hyper-parameter.
            metric: the tag of what they are judged by.
        """
        # Choices of several types would be refused.
        domains = [
            hparams.HParam(d.name, hparams.Discrete(list(dict.fromkeys(map(_plain, d.choices)))))
            for d in decisions
            if not isinstance(d.choices, range)
            and len({type(_plain(choice)) for choice in d.choices}) == 1
        ]
        self.add(hparams.hparams_config_pb(domains, [hparams.Metric(metric)]), 0)

    def point(self, point: Mapping[str, Any], name: str) -> None:
        """Says which values the hyper-parameters have in this run.

        Args:
            point: the values.
            name: of the trial.
        """
        values = {key: _plain(value) for key, value in point.items()}
        self.add(hparams.hparams_pb(values, trial_id=name), 0)

    def add(self, summary: Any, step: int) -> None:
        """Writes a record of TensorBoard's type `Summary`, so that a reader sees it.

        Args:
            summary: the record.
            step: its place on the axis.

        Raises:
            UserError: the disk is full.
        """
        with writing(self._folder):
            if self._writer is None:
                self._writer = self._open()
            event = Event(wall_time=time.time(), step=step, summary=summary)
            self._writer.write(event.SerializeToString())

    def _open(self) -> RecordWriter:
        self._folder.mkdir(parents=True, exist_ok=True)
        parts = (int(time.time()), socket.gethostname(), os.getpid(), next(_COUNTER))
        name = "events.out.tfevents." + ".".join(map(str, parts))
        # Without a buffer: a reader sees a record at once, and none is left for a full disk.
        writer = RecordWriter(open(self._folder / name, "wb", buffering=0))  # noqa: SIM115
        begin = Event(wall_time=time.time(), file_version="brain.Event:2")
        writer.write(begin.SerializeToString())
        return writer

    def close(self) -> None:
        """Ends the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _plain(value: Any) -> Any:
    """Hyper-parameters are text, numbers or truth values."""
    return value if isinstance(value, bool | int | float | str) else str(value)
