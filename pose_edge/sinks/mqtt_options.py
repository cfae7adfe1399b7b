"""Options under `mqtt`, and what of them the library needs in another shape: password, TLS."""

from __future__ import annotations

import os
import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from pose_edge.errors import ConfigError
from pose_edge.options import Options, TopicName
from pose_edge.sinks.outbox_options import OutboxOptions

CREDENTIAL = "mqtt-password"
"""Name of the systemd credential that holds the password."""

HANDED_OVER: Final = Path("/etc/pose-edge") / CREDENTIAL
"""What the unit makes that credential from (LoadCredential=): the file that people edit; root may read it."""

Protocol = Literal["auto", "5", "3.1.1"]


def _host(host: str) -> str:
    if "@" in host or "://" in host:  # not shown: it may hold a password
        raise ValueError("an address was given; only its name belongs here, user and password have options")
    # What DNS cannot carry kills the library's network thread (paho.mqtt.python #894).
    try:
        host.encode("idna")
    except UnicodeError as error:
        raise ValueError(f"{host!r} is no host name: {error}") from error
    if not host or any(letter.isspace() for letter in host):
        raise ValueError(f"{host!r} is no host name")
    if host.startswith("[") or host.count(":") == 1:
        raise ValueError(f"{host!r} is no host name: the port has an option of its own, brackets none")
    return host


class TlsOptions(Options):
    """Options under ``mqtt.tls``."""

    enabled: bool = False
    """Encrypt, and trust only a broker whose certificate checks out. The usual port is 8883."""

    ca_file: Path | None = None
    """Who may sign the broker's certificate (PEM); the system's list where it is missing."""

    cert_file: Path | None = None
    """This device's own certificate (PEM), for brokers that ask for one."""

    key_file: Path | None = None
    """Its private key, where that is not in `cert_file`."""

    server_name: Annotated[str, AfterValidator(_host)] | None = None
    """Name the broker's certificate must carry, where it is not `mqtt.host`."""

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if self.key_file and not self.cert_file:
            raise ValueError("key_file needs cert_file")
        given = [name for name in ("ca_file", "cert_file", "server_name") if getattr(self, name) is not None]
        if given and not self.enabled:
            raise ValueError(f"{given[0]} is set, but enabled is not")
        return self


class MqttOptions(Options):
    """Options under ``mqtt``."""

    host: Annotated[str, AfterValidator(_host)] = "localhost"
    """Name or address of the broker."""

    port: int = Field(1883, ge=1, le=65535)

    username: str | None = None

    password_file: Path | None = None
    """File whose first line is the password. Default: the systemd credential `mqtt-password`, if the unit
    has one."""

    client_id: str | None = Field(None, min_length=1, max_length=64)
    """Name at the broker, unique there: two with the same name throw each other out. Default:
    `pose-edge-<device id>`."""

    keepalive_s: int = Field(10, ge=2, le=3600)
    """A broker that falls silent is noticed within this; 30 saves traffic on a mobile network."""

    protocol: Protocol = "auto"
    """`auto` speaks MQTT 5, and 3.1.1 to brokers that know no better."""

    base_topic: TopicName = "pose-edge"
    """Topics are `<base_topic>/<device id>/...`."""

    tls: TlsOptions = TlsOptions()

    reconnect_min_s: float = Field(1.0, ge=0.05, le=60)
    """Pause before the first attempt to reconnect; doubles with each."""

    reconnect_max_s: float = Field(30.0, ge=0.05, le=3600)
    """Longest pause between two attempts; in the first 5 minutes of an outage it is at most 5 s."""

    will_delay_s: int = Field(10, ge=0, le=3600)
    """A connection that is back within this never counts as offline (MQTT 5 only)."""

    outbox: OutboxOptions = OutboxOptions()

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if self.password_file and self.username is None:
            raise ValueError("password_file needs username")
        if self.reconnect_max_s < self.reconnect_min_s:
            raise ValueError(
                f"reconnect_max_s is {self.reconnect_max_s}, less than reconnect_min_s {self.reconnect_min_s}"
            )
        return self

    @property
    def address(self) -> str:
        """`host:port`, for people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the files named in the options hold. Not to be shown."""

    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None


def read_credentials(options: MqttOptions) -> Credentials:
    """Read every file the options name.

    Raises:
        ConfigError: one cannot be read, or is not what it should be.
    """
    return Credentials(_read_password(options), _tls_context(options.tls))


def touched(options: MqttOptions) -> tuple[tuple[str, int, int], ...]:
    """Return a mark of the files the options name, which differs once one of them was exchanged."""
    tls = options.tls
    paths = [password_path(options), tls.ca_file, tls.cert_file, tls.key_file]
    return tuple(_mark(path) for path in paths if path is not None)


def _mark(path: Path) -> tuple[str, int, int]:
    try:
        state = path.stat()
    except OSError:
        return (str(path), 0, 0)
    return (str(path), state.st_mtime_ns, state.st_ino)


def password_path(options: MqttOptions) -> Path | None:
    """Return the file with the password: the named one, else what systemd hands over (LoadCredential=)."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if options.password_file is not None or options.username is None or folder is None:
        return options.password_file
    handed_over = Path(folder) / CREDENTIAL
    return handed_over if handed_over.exists() else None


def _read_password(options: MqttOptions) -> str | None:
    path = password_path(options)
    if path is None:
        return None
    try:
        first_line = path.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"mqtt.password_file: {path}: {_words(error)}") from error
    if not first_line:
        raise ConfigError(_no_password(path, named=path == options.password_file != HANDED_OVER))
    return first_line


def _no_password(path: Path, *, named: bool) -> str:
    """Say where people write it: what systemd hands over is a copy that nobody can edit."""
    if named:
        return (
            f"mqtt.password_file: {path}: its first line is empty; write the password of mqtt.username there"
        )
    return (
        f"mqtt.username: is set, and its password is missing: write it into the first line of {HANDED_OVER} "
        f"(sudo nano {HANDED_OVER}), then run the installer again, or sudo systemctl restart pose-edge"
    )


def _tls_context(options: TlsOptions) -> ssl.SSLContext | None:
    if not options.enabled:
        return None
    context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)  # checks certificate and name by default
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.server_name = options.server_name
    _load_authorities(context, options.ca_file)
    if options.cert_file is not None:
        _load_own_certificate(context, options.cert_file, options.key_file)
    return context


def _load_authorities(context: ssl.SSLContext, ca_file: Path | None) -> None:
    if ca_file is None:
        context.load_default_certs()
        return
    try:
        context.load_verify_locations(ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(f"mqtt.tls.ca_file: {ca_file}: {_words(error)}") from error


def _load_own_certificate(context: ssl.SSLContext, cert_file: Path, key_file: Path | None) -> None:
    # OpenSSL says "no such file" without saying which.
    for name, path in (("cert_file", cert_file), ("key_file", key_file)):
        if path is not None and not path.is_file():
            raise ConfigError(f"mqtt.tls.{name}: {path}: no such file")
    try:
        context.load_cert_chain(cert_file, key_file, password=_no_passphrase)
    except (OSError, ValueError) as error:
        raise ConfigError(f"mqtt.tls.cert_file: {cert_file}: {_words(error)}") from error


def _no_passphrase() -> str:
    # Without this OpenSSL asks on the terminal, and a service hangs.
    raise ValueError("the private key is encrypted; only unencrypted ones can be used")


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).replace("_", " ").lower()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error)


class _NamedContext(ssl.SSLContext):
    """Expects a certificate of another name than the host's, where one is given."""

    server_name: str | None = None

    def wrap_socket(
        self,
        sock: socket.socket,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        return super().wrap_socket(
            sock,
            server_side,
            do_handshake_on_connect,
            suppress_ragged_eofs,
            self.server_name or server_hostname,
            session,
        )
