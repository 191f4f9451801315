"""Models come through one door: entry points of the group ``earmark.models``.

Built-in ones stand in this project's own entry points (pyproject.toml), as engines do.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from earmark.errors import ExtraMissingError, ModelUnavailableError, UsageError
from earmark.sound import weights as files
from earmark.sound.model import GROUP, ModelInfo, ModelPlugin, SoundModel
from earmark.sound.weights import Places

AUTO = "auto"
BUILTIN = "builtin"

# A checkout that is not installed has no metadata; these mirror pyproject.toml (tested).
BUILT_IN = (
    EntryPoint(BUILTIN, "earmark.sound.student:builtin", GROUP),
    EntryPoint("mn04", "earmark.sound.efficientat:mn04", GROUP),
    EntryPoint("mn10", "earmark.sound.efficientat:mn10", GROUP),
    EntryPoint("panns-cnn14", "earmark.sound.cnn14:cnn14", GROUP),
    EntryPoint("panns-cnn14-16k", "earmark.sound.cnn14:cnn14_16k", GROUP),
    EntryPoint("yamnet", "earmark.sound.yamnet:yamnet", GROUP),
)
_MODULE_OF_EXTRA = {"yamnet": "ai_edge_litert"}


@dataclass(frozen=True, slots=True)
class Checked:
    """A model's plug-in that opens verified files only."""

    plugin: ModelPlugin

    @property
    def info(self) -> ModelInfo:
        """What is known of the model."""
        return self.plugin.info

    def open(self, weights: Path | None) -> SoundModel:
        """Return the model on a file of weights; None: the file that `Places.told` knows.

        Raises
        ------
        ExtraMissingError
            It needs an optional package.
        ModelUnavailableError
            There is no such file.
        CheckpointError
            It is not the file that the model was released with, or is none.
        """
        info = self.info
        if not has_extra(info):
            message = f"{info.name} needs a package more; run `pip install 'earmark[{info.extra}]'`"
            raise ExtraMissingError(message)
        if not info.file_name:
            return self.plugin.open(None)
        path = weights or files.found(info, Places.told())
        if path is None:
            raise files.missing(info)
        return self.plugin.open(files.verified(info, path))


def declared_models() -> tuple[EntryPoint, ...]:
    """Return every declared model by name, built-in ones first; nothing is imported."""
    declared = {entry.name: entry for entry in BUILT_IN}
    for entry in entry_points(group=GROUP):
        declared.setdefault(entry.name, entry)
    return tuple(declared.values())


def model_plugin(name: str) -> Checked:
    """Return a model's plug-in.

    Raises
    ------
    UsageError
        No package declares the name, or what declares it cannot be imported.
    """
    declared = {entry.name: entry for entry in declared_models()}
    if name not in declared:
        message = f"no sound model is called {name!r}; there are {', '.join(declared)}"
        raise UsageError(message)
    try:
        return _loaded(declared[name])
    except Exception as error:  # a foreign package may raise anything at import
        message = f"the model {name!r} ({declared[name].value}) cannot be loaded: {error}"
        raise UsageError(message) from error


def known_models() -> tuple[Checked, ...]:
    """Return every model's plug-in; a broken one is left out with one warning that names it."""
    plugins = []
    for entry in declared_models():
        try:
            plugins.append(_loaded(entry))
        except Exception as error:
            warnings.warn(
                f"the model {entry.name!r} ({entry.value}) is left out: "
                f"{type(error).__name__}: {error}",
                RuntimeWarning,
                stacklevel=2,
            )
    return tuple(plugins)


def has_extra(info: ModelInfo) -> bool:
    """Return whether the optional package that a model needs is installed."""
    module = _MODULE_OF_EXTRA.get(info.extra)
    return module is None or find_spec(module) is not None


def present(name: str, places: Places | None = None) -> bool:
    """Return whether a model can be opened: its weights are here and so is what runs it."""
    info = model_plugin(name).info
    return has_extra(info) and files.is_here(info, places or Places.told())


def best_present(places: Places | None = None) -> ModelInfo:
    """Return the model that ``auto`` takes: the highest rank that can be opened.

    A file that was named (``EARMARK_WEIGHTS``) fits one model only and does not take part.
    """
    places = places or Places.told()
    unnamed = Places(places.cache, None, places.models, places.mirror)
    able = [
        plugin.info
        for plugin in known_models()
        if has_extra(plugin.info) and files.is_here(plugin.info, unnamed)
    ]
    return max(able, key=lambda info: info.rank)


def chosen_model(
    recorded: str | None, wished: str | None, places: Places | None = None
) -> tuple[ModelInfo, Path | None]:
    """Return the model to use and the file of its weights.

    Parameters
    ----------
    recorded, wished
        The model that a library was made with, which binds, and the one that the settings ask
        for; None or ``auto``: the best that is here.

    Returns
    -------
    info, weights
        ``weights`` is None for a model that needs no file, and where the file is not here: to
        open such a model tells what to do.

    Raises
    ------
    UsageError
        There is no such model.
    ModelUnavailableError
        There is no more the model that the library was made with.
    """
    places = places or Places.told()
    name = recorded or wished or AUTO
    if recorded and recorded not in {AUTO, *(entry.name for entry in declared_models())}:
        message = (
            f"this library's sounds were heard by the model {recorded!r}, which no installed "
            "package declares; install it again, or run `earmark rebuild --model NAME`"
        )
        raise ModelUnavailableError(message)
    info = best_present(places) if name == AUTO else model_plugin(name).info
    return info, files.found(info, places)


def _loaded(entry: EntryPoint) -> Checked:
    plugin = entry.load()
    if not isinstance(plugin.info, ModelInfo) or not callable(plugin.open):
        message = f"{entry.value} is no plug-in of a model"
        raise TypeError(message)
    return Checked(plugin)
