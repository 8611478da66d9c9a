"""Logs of workers: one JSON object a line on standard error, other libraries' lines included; nothing personal."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import structlog

from projections.observing import told

__all__ = ["add_listener", "configure", "described"]

_LEVELS = {name.lower(): number for name, number in logging.getLevelNamesMapping().items()} | {"exception": 40}
_LONGEST = 2_000
_FRAMES = 12
_AGAIN_AFTER = 10.0
"""Seconds during which a line of another library is told once; then it says how often it was repeated."""

Event = MutableMapping[str, Any]
_listeners: list[Callable[[str, Event], None]] = []


def add_listener(listener: Callable[[str, Event], None]) -> None:
    """Call *listener* with the level and the facts of every event of this library's loggers, of any level, before it is written."""
    _listeners.append(listener)


def configure(level: str, **bound: object) -> None:
    """Write logs from *level* on, with *bound* on every line; take over the logging of this process.

    A line has ``time`` (UTC, ISO 8601), ``level``, ``logger``, ``event``, what is bound, ``pid``, then the event's facts.
    """
    _listeners.clear()
    least = _LEVELS[level.lower()]

    def finish(logger: Any, method: str, event: Event) -> Event:
        named = {"exception": "error", "warn": "warning"}.get(method, method)
        for listener in _listeners:
            listener(named, event)
        if _LEVELS.get(method, logging.INFO) < least:
            raise structlog.DropEvent
        first = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": named,
            "logger": event.pop("logger", None) or logger.name,
            "event": event.pop("event", ""),
        }
        if (cause := event.pop("exc_info", None)) is not None:
            error = sys.exc_info()[1] if cause is True else cause[1] if isinstance(cause, tuple) else cause
            if isinstance(error, BaseException):
                event["exception"] = described(error)
        return {**first, **bound, "pid": os.getpid(), **{key: _plain(value) for key, value in event.items()}}

    structlog.configure(
        processors=[finish, structlog.processors.JSONRenderer(serializer=_line)],
        wrapper_class=structlog.make_filtering_bound_logger(0),
        logger_factory=_Lines,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    root.addHandler(_Foreign(max(least, logging.WARNING)))
    root.setLevel(max(least, logging.WARNING))
    logging.getLogger("kafka.net.selector").setLevel(
        logging.ERROR
    )  # warns of every tenth of a second of a busy machine
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def described(error: BaseException) -> dict[str, Any]:
    """Return an error's kind, what may be told of it, where it came from and its cause, without any content."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    found: dict[str, Any] = {
        "kind": f"{type(error).__module__}.{type(error).__qualname__}",
        "text": told(error),
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        found["cause"] = described(cause)
    return found


class _Lines:
    """Writes lines to standard error, each in one piece."""

    def __init__(self, name: str = "ticketcore") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    debug = info = warning = warn = error = exception = critical = fatal = log = msg


class _Foreign(logging.Handler):
    """Takes what other libraries log; the same place of their code speaks once in ten seconds."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._told: dict[tuple[str, int], tuple[float, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, or count it."""
        place, now = (record.pathname, record.lineno), time.monotonic()
        since, repeated = self._told.get(place, (-_AGAIN_AFTER, 0))
        if now - since < _AGAIN_AFTER:
            self._told[place] = since, repeated + 1
            return
        self._told[place] = now, 0
        more: dict[str, Any] = {"repeated": repeated} if repeated else {}
        if record.exc_info and record.exc_info[1]:
            more["exc_info"] = record.exc_info[1]
        level = "warning" if record.levelno < logging.ERROR else "error"
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)
        getattr(structlog.get_logger(record.name), level)(text, **more)


def _uncaught(kind: type[BaseException], error: BaseException | None, _: TracebackType | None) -> None:
    structlog.get_logger("ticketcore").critical("uncaught", exc_info=error, kind=kind.__name__)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseException):
        return told(value)
    return value[:_LONGEST] if isinstance(value, str) else value


def _line(value: Any, **_: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
