"""The settings of the server, in one frozen struct."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

from trio_chat.addresses import is_this_machine
from trio_chat.config.checks import check_authority, check_network, check_origin
from trio_chat.config.setting_fields import PASSWORD, Settings, describe

_LISTEN: Final = "Where it listens"
_ADMIT: Final = "Who gets in"
_KEEP: Final = "What it remembers"
_NAMES: Final = "Names and rooms"
_LIMITS: Final = "Limits"
_FILES: Final = "Files"
_RUN: Final = "Stopping and the log"


class ServerConfig(Settings, frozen=True, kw_only=True):
    """The settings of ``trio-chat serve``: the table ``[server]``."""

    table: ClassVar[str] = "server"

    data: Annotated[
        Path | None,
        describe("folder for the database; by default, where this system keeps such data", _KEEP, "DIR"),
    ] = None
    memory: Annotated[bool, describe("store nothing on disk: everything is lost when the server stops", _KEEP)] = False
    keep: Annotated[
        float,
        describe(
            "delete messages older than this many days; 0 keeps them forever",
            _KEEP,
            "DAYS",
            unit="days",
            ge=0,
            le=36500,
        ),
    ] = 0.0
    names: Annotated[
        Literal["owned", "guest"],
        describe(
            "owned: a name belongs to its first user; guest: it is free again when its user leaves", _NAMES, "RULE"
        ),
    ] = "owned"
    name_expiry: Annotated[
        float,
        describe(
            "free a name without a password after this many days without use; 0 never does",
            _NAMES,
            "DAYS",
            unit="days",
            ge=0,
            le=36500,
        ),
    ] = 0.0
    room_creation: Annotated[
        Literal["everyone", "moderators", "admins"],
        describe("who may make rooms: everyone, moderators of the lobby, or only administrators", _NAMES, "WHO"),
    ] = "everyone"
    host: Annotated[
        str,
        describe(
            "address or host name to listen on; 0.0.0.0 for all IPv4 addresses of this machine, :: for all addresses",
            _LISTEN,
            "HOST",
            min_length=1,
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        describe("port to listen on; 0 takes any free port", _LISTEN, "PORT", flags=("-p", "--port"), ge=0, le=65535),
    ] = 8765
    password: Annotated[str | None, PASSWORD] = None
    password_file: Annotated[
        Path | None, describe("file whose first line is the password for this server", _ADMIT, "FILE")
    ] = None
    open: Annotated[bool, describe("let people on other machines in without a password or an invite", _ADMIT)] = False
    admit: Annotated[
        Literal["auto", "invites", "accounts"],
        describe(
            "who gets in without the password: auto = people with an invite, and everybody if only this machine can "
            "connect; invites = people with an invite; accounts = only people who have an account already",
            _ADMIT,
            "WHO",
        ),
    ] = "auto"
    allow_origin: Annotated[
        tuple[str, ...],
        describe("origin whose web pages may connect; repeat for more", _ADMIT, "ORIGIN", check=check_origin),
    ] = ()
    public_host: Annotated[
        tuple[str, ...],
        describe(
            "name or address by which others reach this server, beside its own addresses; repeat for more",
            _ADMIT,
            "NAME",
            check=check_authority,
        ),
    ] = ()
    tls: Annotated[
        Literal["auto", "off"],
        describe(
            "auto: TLS if other machines can reach the server, or it has --cert; off: none, for a proxy does it",
            _LISTEN,
            "WHEN",
        ),
    ] = "auto"
    cert: Annotated[
        Path | None,
        describe(
            "PEM file with the certificate for TLS, and those of its issuers; by default, one of the server's own key",
            _LISTEN,
            "FILE",
        ),
    ] = None
    key: Annotated[Path | None, describe("PEM file with the private key of --cert", _LISTEN, "FILE")] = None
    behind_proxy: Annotated[
        tuple[str, ...],
        describe(
            "address or network of a proxy in front: it may speak without TLS, and its X-Forwarded-For header is "
            "trusted; repeat for more",
            _LISTEN,
            "ADDRESS",
            check=check_network,
            aliases=("trusted_proxy",),
        ),
    ] = ()
    motd: Annotated[
        str, describe("message of the day, shown to everybody who joins", _ADMIT, "TEXT", max_length=2000)
    ] = ""
    max_connections: Annotated[
        int,
        describe(
            "maximum number of connections at the same time",
            _LIMITS,
            "N",
            flags=("-m", "--max-connections"),
            ge=1,
            le=1_000_000,
        ),
    ] = 1000
    per_address: Annotated[
        int,
        describe(
            "maximum number of connections from one address or IPv6 /64, this machine excepted; 0 for no limit",
            _LIMITS,
            "N",
            ge=0,
        ),
    ] = 256
    new_names: Annotated[
        int,
        describe(
            "maximum number of new names from one address in an hour, this machine excepted; 0 for no limit",
            _LIMITS,
            "N",
            ge=0,
        ),
    ] = 256
    idle_timeout: Annotated[
        float,
        describe(
            "disconnect people who send nothing for this long; 0 never does", _LIMITS, "SECONDS", unit="seconds", ge=0
        ),
    ] = 0.0
    handshake_timeout: Annotated[
        float,
        describe("how long a new connection may take to log in", _LIMITS, "SECONDS", unit="seconds", ge=0.1, le=600),
    ] = 10.0
    max_text: Annotated[
        int,
        describe("maximum number of characters in one message", _LIMITS, "N", unit="characters", ge=1, le=1_000_000),
    ] = 8000
    max_frame: Annotated[
        int,
        describe(
            "maximum number of bytes in one request", _LIMITS, "BYTES", unit="bytes", ge=1024, le=16 * 1024 * 1024
        ),
    ] = 65536
    outbox_bytes: Annotated[
        int,
        describe(
            "maximum number of bytes that wait for one connection; a slower one is disconnected",
            _LIMITS,
            "BYTES",
            unit="bytes",
            ge=4096,
            le=1024 * 1024 * 1024,
        ),
    ] = 1024 * 1024
    max_outbox_memory: Annotated[
        int,
        describe(
            "maximum number of bytes that wait for all connections together; the slowest are disconnected first",
            _LIMITS,
            "BYTES",
            unit="bytes",
            ge=1024 * 1024,
        ),
    ] = 256 * 1024 * 1024
    rate: Annotated[
        float,
        describe(
            "requests per second that one account may make on average; 0 turns this and the limits by address off",
            _LIMITS,
            "N",
            ge=0,
        ),
    ] = 20.0
    burst: Annotated[
        float, describe("requests that one account may make at once before the rate limits it", _LIMITS, "N", ge=1)
    ] = 100.0
    address_rate: Annotated[
        float,
        describe(
            "requests per second that all accounts of one address may make on average, this machine excepted; "
            "0 for no limit",
            _LIMITS,
            "N",
            ge=0,
        ),
    ] = 200.0
    address_burst: Annotated[
        float,
        describe("requests that one address may make at once before its rate limits it", _LIMITS, "N", ge=1),
    ] = 600.0
    max_rooms: Annotated[int, describe("maximum number of rooms that one person may be in", _LIMITS, "N", ge=1)] = 100
    max_recipients: Annotated[
        int, describe("maximum number of people that one message may be sent to", _LIMITS, "N", ge=1)
    ] = 20
    max_file: Annotated[
        int,
        describe(
            "maximum number of bytes in one file; 0 takes no files", _FILES, "BYTES", unit="bytes", ge=0, le=10**14
        ),
    ] = 100 * 1024 * 1024
    file_quota: Annotated[
        int,
        describe(
            "maximum number of bytes in all files of one account; 0 for no limit",
            _FILES,
            "BYTES",
            unit="bytes",
            ge=0,
            le=10**14,
        ),
    ] = 1024 * 1024 * 1024
    files_total: Annotated[
        int,
        describe(
            "maximum number of bytes in the files of all accounts together; 0 for no limit",
            _FILES,
            "BYTES",
            unit="bytes",
            ge=0,
            le=10**14,
        ),
    ] = 10 * 1024 * 1024 * 1024
    keep_files: Annotated[
        float,
        describe(
            "delete files older than this many days, and keep their messages; 0 keeps them as long as the messages",
            _FILES,
            "DAYS",
            unit="days",
            ge=0,
            le=36500,
        ),
    ] = 0.0
    max_transfers: Annotated[
        int,
        describe(
            "maximum number of files that are sent and fetched at the same time; of one account, an eighth of it",
            _FILES,
            "N",
            ge=1,
            le=10_000,
        ),
    ] = 32
    max_uploads: Annotated[
        int,
        describe("maximum number of files of one account that no message carries yet", _FILES, "N", ge=1, le=10_000),
    ] = 16
    shutdown_grace: Annotated[
        float,
        describe(
            "how long connections may take to close when the server stops",
            _RUN,
            "SECONDS",
            unit="seconds",
            ge=0,
            le=600,
        ),
    ] = 5.0
    qr: Annotated[
        bool, describe("show the line for guests as a QR code too, on a terminal that is wide enough", _RUN)
    ] = True
    log_format: Annotated[
        Literal["auto", "text", "json"],
        describe("format of the log; auto is text on a terminal and JSON elsewhere", _RUN, "FORMAT"),
    ] = "auto"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], describe("lowest level that is logged", _RUN, "LEVEL")
    ] = "info"

    @property
    def speaks_tls(self) -> bool:
        """Whether the server speaks TLS."""
        return self.tls == "auto" and (self.cert is not None or not is_this_machine(self.host))
