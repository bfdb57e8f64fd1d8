"""What TensorBoard loads at its start: the Topology tab's server side.

TensorBoard loads plugins without a try: an import that fails here would stop every ``tensorboard`` of whoever has this
package installed. So nothing is imported but the standard library and what TensorBoard itself consists of, and nothing
is decoded: a payload goes to the browser as it is, which shows a message where it cannot be read.
"""

from __future__ import annotations

import functools
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tensorboard import errors, plugin_util
from tensorboard.backend import http_util
from tensorboard.data import provider
from tensorboard.plugins import base_plugin
from werkzeug.wrappers import Request, Response

from topocallback.tensorboard_tab.newest import newest, newest_blob

__all__ = ["TopologyLoader", "TopologyPlugin"]

_NAME = "topology"
_SNAPSHOT, _INPUTS = "topology/snapshot", "topology/inputs"
_STATIC = Path(__file__).parent / "static"
_STATIC_TYPES = {".css": "text/css", ".js": "text/javascript"}
_INPUT_TYPES = ("image/png", "application/json")
_ALL = 1 << 30  # read_blob_sequences takes 0, which keeps all where events are loaded, for none
# What a browser has to inflate. Of 300 layers with 1,000 samples and two tables of distances, it is 15 MB.
_LARGEST = 1 << 28
_PIECE = 1 << 20
_OF_GZIP = 16 + zlib.MAX_WBITS
_TOO_LARGE = (
    f"This step's record is damaged or foreign: it unpacks to more than {_LARGEST >> 20} MB, which no record does, and "
    "is not opened."
)
_KEY = re.compile(r"[A-Za-z0-9_=-]+")


class TopologyLoader(base_plugin.TBLoader):  # type: ignore[misc]
    """Makes the plugin, and keeps every step: by default TensorBoard keeps 10 blobs of a tag."""

    def fix_flags(self, flags: Any) -> None:
        """Lift the limit of steps, unless the user has set one with ``--samples_per_plugin topology=...``."""
        hints = getattr(flags, "samples_per_plugin", None)
        if isinstance(hints, dict):
            hints.setdefault(_NAME, 0)

    def load(self, context: Any) -> TopologyPlugin:
        """The plugin, for TensorBoard's context."""
        return TopologyPlugin(context)


class TopologyPlugin(base_plugin.TBPlugin):  # type: ignore[misc]
    """Serves runs, steps, payloads, inputs and the front end's files.

    Args:
        context: TensorBoard's ``TBContext``.
    """

    plugin_name = _NAME

    def __init__(self, context: Any) -> None:
        self._data = context.data_provider
        self._multiplexer = getattr(context, "multiplexer", None)  # of the older backend only

    def get_plugin_apps(self) -> dict[str, Callable[..., Any]]:
        """The routes. Each file of the front end is one of its own, so no path comes from a request."""
        files = {
            f"/static/{path.name}": functools.partial(_serve_file, path, _STATIC_TYPES[path.suffix])
            for path in sorted(_STATIC.iterdir())
            if path.suffix in _STATIC_TYPES
        }
        routes = {
            "/runs": self._serve_runs,
            "/steps": self._serve_steps,
            "/snapshot": self._serve_snapshot,
            "/inputs": self._serve_inputs,
        } | files
        return {path: Request.application(serve) for path, serve in routes.items()}

    def is_active(self) -> bool:
        """Whether the tab shows without data. TensorBoard shows it as soon as a run has some, without asking here."""
        return False

    def frontend_metadata(self) -> Any:
        """Where the front end starts."""
        return base_plugin.FrontendMetadata(es_module_path="/static/index.js", tab_name="Topology")

    def _serve_runs(self, request: Request) -> Response:
        """``{"runs": [name]}``."""
        listed = self._data.list_blob_sequences(
            plugin_util.context(request.environ),
            experiment_id=plugin_util.experiment_id(request.environ),
            plugin_name=_NAME,
        )
        return _json(request, {"runs": sorted(run for run, tags in listed.items() if _SNAPSHOT in tags)})

    def _serve_steps(self, request: Request) -> Response:
        """``{"steps": [{"step", "wall_time", "key"}], "inputs": {"key"} or null}`` of ``?run=``.

        Of a run that was set back to an earlier step, the newest record of every step.
        """
        run = _argument(request, "run")
        found = self._data.read_blob_sequences(
            plugin_util.context(request.environ),
            experiment_id=plugin_util.experiment_id(request.environ),
            plugin_name=_NAME,
            downsample=_ALL,
            run_tag_filter=provider.RunTagFilter(runs=[run], tags=[_SNAPSHOT, _INPUTS]),
        ).get(run, {})
        if _SNAPSHOT not in found:
            raise errors.NotFoundError(f"Expected `run` to be a run with snapshots, got {run!r}.")
        times = self._times(run, found)
        steps = [
            {"step": event.step, "wall_time": times[_SNAPSHOT][event.step], "key": event.values[0].blob_key}
            for event in found[_SNAPSHOT]
            if event.values and event.step in times[_SNAPSHOT]
        ]
        # The keys of a sheet's two parts, as one: those that TensorBoard makes hold no full stop.
        sheets = [
            {"key": ".".join(part.blob_key for part in event.values)}
            for event in found.get(_INPUTS, ())
            if len(event.values) == len(_INPUT_TYPES) and event.step in times[_INPUTS]
        ]
        return _json(request, {"steps": steps, "inputs": sheets[-1] if sheets else None})

    def _times(self, run: str, found: Mapping[str, Sequence[Any]]) -> dict[str, dict[int, float]]:
        """Of every tag the steps that the run has not been set back from, and when each was written."""
        events = found if self._multiplexer is None else {tag: self._multiplexer.Tensors(run, tag) for tag in found}
        return {
            tag: {step: event.wall_time for step, event in newest(of_tag).items()} for tag, of_tag in events.items()
        }

    def _serve_snapshot(self, request: Request) -> Response:
        """The payload of ``?key=``, or a sentence where it is larger than any payload."""
        payload = self._blob(request, _argument(request, "key"))
        try:
            encoding = "gzip" if _is_gzip(payload) else None
        except _TooLargeError:
            return _respond(request, _TOO_LARGE, "text/plain", code=413)
        return _respond(request, payload, "application/json", content_encoding=encoding)

    def _serve_inputs(self, request: Request) -> Response:
        """Of the sampled inputs ``?key=``, ``part=0``, the picture, or ``part=1``, what lies where in it."""
        keys, part = _argument(request, "key").split("."), _argument(request, "part")
        if part not in ("0", "1"):
            raise errors.InvalidArgumentError(f"Expected `part` to be 0 or 1, got {part!r}.")
        if len(keys) != len(_INPUT_TYPES):
            raise errors.InvalidArgumentError(f"Expected `key` to be one that `steps` gave, got {'.'.join(keys)!r}.")
        return _respond(request, self._blob(request, keys[int(part)]), _INPUT_TYPES[int(part)])

    def _blob(self, request: Request, key: str) -> bytes:
        if not _KEY.fullmatch(key):
            raise errors.InvalidArgumentError(f"Expected `key` to be one that `steps` gave, got {key!r}.")
        try:
            blob = bytes(self._data.read_blob(plugin_util.context(request.environ), blob_key=key))
        except errors.PublicError:
            raise
        except (KeyError, IndexError):  # one of TensorBoard's two backends says so in this way
            raise errors.NotFoundError(f"No blob has the key {key!r}.") from None
        except (AttributeError, TypeError, ValueError):
            raise errors.InvalidArgumentError(f"Expected `key` to be one that `steps` gave, got {key!r}.") from None
        later = None if self._multiplexer is None else newest_blob(self._multiplexer, key)
        return blob if later is None else later


class _TooLargeError(Exception):
    """A payload that a browser should not be given."""


def _argument(request: Request, name: str) -> str:
    if name not in request.args:
        raise errors.InvalidArgumentError(f"Expected a query with `{name}`, got {sorted(request.args)}.")
    return str(request.args[name])


def _is_gzip(content: bytes) -> bool:
    """Whether it can be decompressed: under a false name, a browser shows an error of its own instead of ours.

    It is looked at piece by piece, and none is kept: a payload of 3 MB may be one of 3 GB.

    Raises:
        _TooLargeError: If there is more in it than in any payload.
    """
    stream = zlib.decompressobj(wbits=_OF_GZIP)
    rest, size = content, 0
    try:
        while rest and not stream.eof:
            size += len(stream.decompress(rest, _PIECE))
            rest = stream.unconsumed_tail
            if size > _LARGEST:
                raise _TooLargeError
    except zlib.error:
        return False
    return size > 0 and stream.eof and not stream.unused_data.strip(b"\0")


def _serve_file(path: Path, content_type: str, request: Request) -> Response:
    return _respond(request, path.read_bytes(), content_type)


def _json(request: Request, content: object) -> Response:
    return _respond(request, content, "application/json")


def _respond(request: Request, content: object, content_type: str, **options: Any) -> Response:
    response: Response = http_util.Respond(request, content, content_type, **options)
    return response
