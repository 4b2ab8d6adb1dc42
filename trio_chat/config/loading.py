"""Merge the settings file, the environment and the flags into one struct.

A flag overrides the environment, the environment overrides the file, and the file overrides the default. All faults
are reported together, each with its place. The password is one setting with two options (``password`` and
``password_file``): the option from the stronger layer is used, and both in the same layer are a fault.
"""

from __future__ import annotations

import difflib
import os
import stat
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, Literal, TypeVar

from trio_chat.addresses import is_this_machine
from trio_chat.config.settings import SECTIONS, ClientConfig, ServerConfig, Settings, options
from trio_chat.config.source import SettingsFile, default_path, read
from trio_chat.config.values import PREFIX, InvalidValue, Option, convert, variable
from trio_chat.errors import ConfigError

VARIABLE: Final = PREFIX + "CONFIG"
"""The environment variable that names the settings file; ``--config`` overrides it."""

Layer = Literal["default", "file", "environment", "flag"]
_layers: Final[tuple[Layer, ...]] = ("default", "file", "environment", "flag")
_PASSWORD_LIMIT: Final = 1024  # characters, as in the request hello

C = TypeVar("C", bound=Settings)


@dataclass(frozen=True, slots=True)
class Source:
    """The place that a value comes from. ``str()`` of it is ``default``, ``path:line``, the variable or the flag."""

    layer: Layer
    place: str

    def __str__(self) -> str:
        return self.place


@dataclass(frozen=True, slots=True)
class Loaded(Generic[C]):
    """The settings of one table, the source of each (by key), and warnings about them.

    ``path`` is the file that was read, or ``None`` if there is none. ``warnings`` are sentences.
    """

    config: C
    sources: Mapping[str, Source]
    path: Path | None = None
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Merge:
    """The values and their sources while the layers are merged."""

    values: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def set(self, option: Option, value: object, source: Source, *, lenient: bool) -> None:
        before = self.sources.get(option.key)
        if before is not None and before.layer == source.layer:  # under the name of an earlier version
            self.faults.append(f"{source.place}: the same is given by {before.place}; remove one of them.")
            return
        subject = f"{source.place}: {option.key}" if source.layer == "file" else source.place
        try:
            self.values[option.key] = convert(option, value, lenient=lenient)
        except InvalidValue as wrong:
            self.faults.append(f"{subject} {wrong}.")
        else:
            self.sources[option.key] = source


def load(
    section: type[C],
    flags: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    path: Path | None = None,
) -> Loaded[C]:
    """Load one table's settings.

    ``section`` is :class:`ServerConfig` or :class:`ClientConfig`. ``flags`` holds values by key; ``None`` and an
    empty tuple count as not given. ``environ`` is the environment of the process by default. ``path`` is the value
    of ``--config``. Raises :class:`ConfigError` that names all faults, one on each line.
    """
    environ = os.environ if environ is None else environ
    file = open_file(environ, path)
    got = _Merge()
    _from_file(got, section, file)
    _from_environment(got, section, environ)
    _from_flags(got, section, flags or {})
    warnings = _misspelt_variables(environ)
    if not got.faults:
        warnings += _settle_password(got, file)
    if got.faults:
        raise ConfigError("\n".join(got.faults))
    sources = {option.key: got.sources.get(option.key, Source("default", "default")) for option in options(section)}
    return Loaded(section(**got.values), sources, file.path, tuple(warnings))


def load_server(
    flags: Mapping[str, object] | None = None, *, environ: Mapping[str, str] | None = None, path: Path | None = None
) -> Loaded[ServerConfig]:
    """Load the table ``[server]``; see :func:`load`."""
    return load(ServerConfig, flags, environ=environ, path=path)


def load_client(
    flags: Mapping[str, object] | None = None, *, environ: Mapping[str, str] | None = None, path: Path | None = None
) -> Loaded[ClientConfig]:
    """Load the table ``[client]``; see :func:`load`."""
    return load(ClientConfig, flags, environ=environ, path=path)


def open_file(environ: Mapping[str, str], path: Path | None) -> SettingsFile:
    """Read the settings file: ``path`` if given, otherwise that of ``TRIO_CHAT_CONFIG``, otherwise the default file."""
    if path is not None:
        return read(path, needed=True)
    if named := environ.get(VARIABLE):
        return read(Path(named).expanduser(), needed=True)
    return read(default_path(), needed=False)


# ---- the layers -------------------------------------------------------------------------------


def _from_file(got: _Merge, section: type[Settings], file: SettingsFile) -> None:
    """Take the values of the section. The other tables are only checked for faults."""
    for name, table in file.tables.items():
        struct = SECTIONS.get(name)
        if struct is None:
            got.faults.append(f"{file.place(name)}: {_stray(name, is_table=isinstance(table, dict))}")
        elif not isinstance(table, dict):
            got.faults.append(f"{file.place(name)}: {name} must be a table: write [{name}] on a line of its own.")
        else:
            taken = got if struct is section else _Merge(faults=got.faults)
            _from_table(taken, struct, name, table, file)


def _from_table(
    got: _Merge, struct: type[Settings], name: str, table: Mapping[str, object], file: SettingsFile
) -> None:
    known = {key: option for option in options(struct) for key in option.keys}
    for key, value in table.items():
        place = file.place(name, key)
        if key not in known:
            got.faults.append(f"{place}: {_unknown(key, name, known)}")
            continue
        if known[key].kind == "table" and isinstance(value, dict) and (wrong := _wrong_entries(value)):
            places = ((file.place(name, key, entry), entry) for entry in wrong)
            got.faults += [f"{at}: {key}.{entry} must be a text or a list of texts." for at, entry in places]
            continue
        got.set(known[key], value, Source("file", place), lenient=False)
        if known[key].kind == "path" and key in got.values and file.path is not None:
            got.values[key] = file.path.parent / got.values[key].expanduser()


def _wrong_entries(table: Mapping[str, object]) -> list[str]:
    """The keys of a table whose values are neither a text nor a list of texts."""
    lists = {key: value if isinstance(value, list) else [value] for key, value in table.items()}
    return [key for key, values in lists.items() if not all(isinstance(value, str) for value in values)]


def _from_environment(got: _Merge, section: type[Settings], environ: Mapping[str, str]) -> None:
    """Take the environment variables. A variable that is set to nothing counts as not set."""
    for option in options(section):
        for name in map(variable, option.keys):
            if text := environ.get(name):
                got.set(option, text, Source("environment", name), lenient=True)


def _from_flags(got: _Merge, section: type[Settings], flags: Mapping[str, object]) -> None:
    known = {key: option for option in options(section) for key in option.keys}
    for key, value in flags.items():
        option = known[key]
        if value is not None and value != ():
            flag = option.flag if key == option.key else "--" + key.replace("_", "-")
            got.set(option, value, Source("flag", flag or key), lenient=True)


def _unknown(key: str, name: str, known: Iterable[str]) -> str:
    for other, struct in SECTIONS.items():
        if other != name and any(option.key == key for option in options(struct)):
            return f"{key} belongs in the table [{other}], not in [{name}]."
    return f"[{name}] has no option {key}.{near(key, known)}"


def _stray(name: str, *, is_table: bool) -> str:
    if is_table:
        return f"there is no table [{name}].{near(name, SECTIONS)}"
    homes = [
        f"[{section}]" for section, struct in SECTIONS.items() if any(option.key == name for option in options(struct))
    ]
    if homes:
        return f"{name} is outside of a table; it belongs under {' or '.join(homes)}."
    return f"there is no option {name}.{near(name, (o.key for s in SECTIONS.values() for o in options(s)))}"


def near(word: str, known: Iterable[str]) -> str:
    """Return a sentence, after a space, that suggests the known word nearest to ``word``; empty if none is near."""
    found = difflib.get_close_matches(word, sorted(set(known)), n=1, cutoff=0.6)
    return f" Did you mean {found[0]}?" if found else ""


def _misspelt_variables(environ: Mapping[str, str]) -> list[str]:
    """Warn of variables that are nearly ours. They may belong to another program, so they are not a fault."""
    every = [option for struct in SECTIONS.values() for option in options(struct)]
    known = {variable(key) for option in every for key in option.keys} | {VARIABLE}
    return [
        f"The variable {name} is set, but no option reads it.{hint}"
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known and (hint := _near_variable(name, known))
    ]


def _near_variable(name: str, known: Iterable[str]) -> str:
    """Suggest a variable. The common prefix does not count as likeness."""
    shorter = {variable.removeprefix(PREFIX): variable for variable in known}
    found = difflib.get_close_matches(name.removeprefix(PREFIX), sorted(shorter), n=1)
    return f" Did you mean {shorter[found[0]]}?" if found else ""


# ---- the password -----------------------------------------------------------------------------


def _settle_password(got: _Merge, file: SettingsFile) -> list[str]:
    """Use the stronger of ``password`` and ``password_file``, and read the file. Returns warnings."""
    text, named = got.sources.get("password"), got.sources.get("password_file")
    if text and named and text.layer == named.layer:
        got.faults.append(f"Both {text} and {named} give the password; remove one of them.")
        return []
    if text and (not named or _layers.index(text.layer) > _layers.index(named.layer)):
        got.values.pop("password_file", None)
        got.sources.pop("password_file", None)
        return _shared_settings(file) if text.layer == "file" else []
    if not named:
        return []
    path = got.values["password_file"] = got.values["password_file"].expanduser()
    try:
        got.values["password"], warnings = _read_password(path)
    except InvalidValue as wrong:
        got.faults.append(f"{named}: {wrong}.")
        return []
    got.sources["password"] = Source(named.layer, f"{path}, named by {named}")
    return warnings


def _shared_settings(file: SettingsFile) -> list[str]:
    if not file.shared:
        return []
    return [f"Other users can read {file.path}, which contains a password; chmod 600 it, or use password_file."]


def _read_password(path: Path) -> tuple[str, list[str]]:
    """Read the first line of a password file; returns the line and warnings. Raises :class:`InvalidValue`."""
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            data = stream.readline(_PASSWORD_LIMIT * 4 + 2)
        text = data.decode().rstrip("\r\n")
    except OSError as error:
        raise InvalidValue(f"the password file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidValue(f"the password file {path} is not UTF-8 text") from error
    if not text:
        raise InvalidValue(f"the first line of the password file {path} is empty; put the password there")
    if len(text) > _PASSWORD_LIMIT:
        raise InvalidValue(f"the password in {path} has more than {_PASSWORD_LIMIT} characters")
    shared = sys.platform != "win32" and stat.S_ISREG(mode) and mode & 0o044  # Windows has no modes
    return text, [f"Other users can read the password file {path}; chmod 600 it."] if shared else []


# ---- settings that must fit together -------------------------------------------------------------------


def check_server(config: ServerConfig, sources: Mapping[str, Source] | None = None) -> None:
    """Check that the server settings fit together. Raises :class:`ConfigError`, whose sentence begins with the place
    of the setting when the ``sources`` are given."""
    if config.outbox_bytes < 2 * config.max_frame:
        raise ConfigError(
            f"{_place(sources, 'outbox_bytes', 'max_frame')}outbox_bytes ({config.outbox_bytes}) must be at least "
            f"twice max_frame ({config.max_frame}), or one long message disconnects everybody who gets it."
        )
    if config.open and config.admit != "auto":
        raise ConfigError(
            f"{_place(sources, 'admit', 'open')}admit = {config.admit} keeps out people that --open lets in. "
            "Take one of the two away."
        )
    if config.password is not None and config.admit == "invites":
        raise ConfigError(
            f"{_place(sources, 'admit')}admit = invites keeps out people that the password lets in. Take the password "
            "away, or leave admit out: then people get in with the password or with an invite."
        )
    _check_tls(config, sources)


def _check_tls(config: ServerConfig, sources: Mapping[str, Source] | None) -> None:
    """Check that the settings of TLS fit together. Raises :class:`ConfigError`."""
    if (config.cert is None) != (config.key is None):
        given, missing = ("cert", "--key") if config.key is None else ("key", "--cert")
        raise ConfigError(
            f"{_place(sources, given)}A certificate and its key go together. "
            f"Give {missing} too; both may be in one file, which you then name twice."
        )
    if config.tls == "auto":
        return
    if config.cert is not None:
        raise ConfigError(f"{_place(sources, 'tls', 'cert')}--tls off uses no certificate. Remove --cert or --tls off.")
    if not is_this_machine(config.host) and not config.behind_proxy:
        raise ConfigError(
            f"{_place(sources, 'tls', 'host')}Other machines can reach {config.host}, and without TLS everybody on the "
            "way can read the chat. Remove --tls off, or name the proxy that does TLS with --behind-proxy ADDRESS."
        )


def admission(config: ServerConfig) -> Literal["everyone", "password", "invites", "accounts"]:
    """The people whom a server with these settings lets in, beside those who have an account already.

    ``password`` means those who know it and those who have an invite. Without any setting it is everyone if only this
    machine can connect, and people with an invite otherwise. A proxy brings people from other machines.
    """
    if config.admit != "auto":
        return config.admit
    if config.password is not None:
        return "password"
    if config.open or (is_this_machine(config.host) and not config.behind_proxy):
        return "everyone"
    return "invites"


def _place(sources: Mapping[str, Source] | None, *keys: str) -> str:
    """The place of the first of these settings that is not a default, for the beginning of a sentence."""
    given = [sources[key] for key in keys if sources[key].layer != "default"] if sources else []
    return f"{given[0]}: " if given else ""
