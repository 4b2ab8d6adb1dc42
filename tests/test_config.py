"""Settings: the layer that wins, and the message for each fault."""

from __future__ import annotations

import os
import typing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat import config
from trio_chat.config import (
    ClientConfig,
    InvalidValue,
    Option,
    ServerConfig,
    admission,
    check_server,
    load,
    load_client,
    load_server,
)
from trio_chat.config.source import statements
from trio_chat.errors import ConfigError

OPTIONS = [option for section in config.SECTIONS.values() for option in config.options(section)]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a home directory of its own, and remove all environment variables of ours."""
    for name in [name for name in os.environ if name.startswith("TRIO_CHAT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "chat.toml"
    path.touch(0o600)
    return path


def fault(section: Any = ServerConfig, **given: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load(section, given.pop("flags", None), **given)
    return str(caught.value)


# ---- layers -----------------------------------------------------------------------------------


def test_without_file_environment_and_flags_every_value_is_its_default() -> None:
    loaded = load_server(environ={})
    assert loaded.config == ServerConfig()
    assert {str(source) for source in loaded.sources.values()} == {"default"}
    assert loaded.path is None


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(file: Path) -> None:
    file.write_text("[server]\nport = 1\nrate = 2\nmax_rooms = 3\n")
    environ = {"TRIO_CHAT_PORT": "10", "TRIO_CHAT_RATE": "20"}
    loaded = load_server({"port": "100"}, environ=environ, path=file)
    assert (loaded.config.port, loaded.config.rate, loaded.config.max_rooms) == (100, 20.0, 3)
    assert loaded.config.max_recipients == 20
    assert str(loaded.sources["port"]) == "--port"
    assert str(loaded.sources["rate"]) == "TRIO_CHAT_RATE"
    assert str(loaded.sources["max_rooms"]) == f"{file}:4"
    assert loaded.sources["max_recipients"].layer == "default"


def test_a_flag_that_was_not_given_changes_nothing(file: Path) -> None:
    file.write_text('[server]\nallow_origin = ["https://a.example"]\nopen = true\n')
    loaded = load_server({"allow_origin": (), "open": None}, environ={}, path=file)
    assert loaded.config.allow_origin == ("https://a.example",)
    assert loaded.config.open


def test_a_flag_can_turn_off_what_the_file_turns_on(file: Path) -> None:
    file.write_text("[client]\nwait = true\n")
    assert not load_client({"wait": False}, environ={}, path=file).config.wait


def test_a_variable_that_is_set_to_nothing_counts_as_not_set() -> None:
    assert load_server(environ={"TRIO_CHAT_PORT": "", "TRIO_CHAT_PASSWORD": ""}).config == ServerConfig()


def test_the_default_file_is_read_if_it_exists(home: Path) -> None:
    path = config.default_path()
    assert path.is_relative_to(home)
    path.parent.mkdir(parents=True)
    path.write_text('[client]\nname = "ada"\n')
    loaded = load_client(environ={})
    assert (loaded.config.name, loaded.path) == ("ada", path)


def test_a_named_file_beats_the_variable_that_names_one(file: Path, tmp_path: Path) -> None:
    file.write_text("[server]\nport = 1\n")
    other = tmp_path / "other.toml"
    other.write_text("[server]\nport = 2\n")
    environ = {"TRIO_CHAT_CONFIG": str(other)}
    assert load_server(environ=environ).config.port == 2
    assert load_server(environ=environ, path=file).config.port == 1


@pytest.mark.parametrize("how", ["path", "variable"])
def test_a_file_that_was_named_must_exist(tmp_path: Path, how: str) -> None:
    missing = tmp_path / "missing.toml"
    given: dict[str, Any] = {"path": missing} if how == "path" else {"environ": {"TRIO_CHAT_CONFIG": str(missing)}}
    assert str(missing) in fault(**given)


def test_a_folder_as_settings_file_is_a_fault(tmp_path: Path) -> None:
    assert "cannot be read" in fault(path=tmp_path, environ={})


def test_a_byte_order_mark_and_carriage_returns_are_accepted(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf[server]\r\nport = 1\r\n")
    assert load_server(environ={}, path=file).config.port == 1


def test_each_kind_of_option_is_converted_from_the_text_of_a_variable() -> None:
    environ = {
        "TRIO_CHAT_OPEN": "Yes",
        "TRIO_CHAT_PORT": "0",
        "TRIO_CHAT_RATE": "1.5",
        "TRIO_CHAT_MOTD": "hi",
        "TRIO_CHAT_LOG_FORMAT": "json",
        "TRIO_CHAT_ALLOW_ORIGIN": "https://a.example, http://b.example:81",
    }
    got = load_server(environ=environ).config
    assert (got.open, got.port, got.rate, got.motd, got.log_format) == (True, 0, 1.5, "hi", "json")
    assert got.allow_origin == ("https://a.example", "http://b.example:81")


# ---- faults -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("port = 70000", "port must be a whole number from 0 to 65535, not 70000."),
        ('port = "8765"', "port must be a whole number from 0 to 65535, not '8765'."),
        ("port = true", "port must be a whole number from 0 to 65535, not true."),
        ("port = 1.5", "port must be a whole number from 0 to 65535, not 1.5."),
        ("rate = -1", "rate must be a number, 0 or more, not -1."),
        ("rate = nan", "rate must be a number, 0 or more, not nan."),
        ("idle_timeout = inf", "idle_timeout must be a number of seconds, 0 or more, not inf."),
        ('open = "yes"', "open must be true or false, not 'yes'."),
        ('log_level = "loud"', "log_level must be one of debug, info, warning, error, not 'loud'."),
        ("allow_origin = [1]", "allow_origin must be a list of texts, not [1]."),
        (
            'allow_origin = ["chat.example"]',
            "must be an origin such as https://chat.example, without a path, not 'chat.example'.",
        ),
        (
            'behind_proxy = ["10.0.0.1/8"]',
            "must be an address or network such as 127.0.0.1 or 10.0.0.0/8, not '10.0.0.1/8'.",
        ),
        ('host = ""', "host must be text of 1 character or more, not ''."),
        ("prot = 1", "[server] has no option prot. Did you mean port?"),
        ("zzz = 1", "[server] has no option zzz."),
        ('url = "ws://h/"', "url belongs in the table [client], not in [server]."),
    ],
)
def test_a_fault_in_the_file_is_named_with_its_line(file: Path, line: str, says: str) -> None:
    file.write_text(f"# chat\n\n[server]\nmotd = '''\nport = 1\n'''\n{line}\n")
    assert f"{file}:7: " in (told := fault(path=file, environ={}))
    assert says in told


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[sever]\nport = 1", 1, "there is no table [sever]. Did you mean server?"),
        ("\nport = 1", 2, "port is outside of a table; it belongs under [server]."),
        ("password = 'x'", 1, "it belongs under [server] or [client]."),
        ("prot = 1", 1, "there is no option prot. Did you mean port?"),
        ("server = 5", 1, "server must be a table"),
        ("[[server]]\nport = 1", 1, "server must be a table"),
        ("[server.port]\nx = 1", 1, "port must be a whole number"),
        ("\nserver.port = 'x'", 2, "port must be a whole number"),
        ("\n\nserver = { host = 'h', port = 'x' }", 3, "port must be a whole number"),
        ("[server]\nhost = 'h'\nport\n", 3, "this is not TOML"),
        ("[server]\nport = 1\nport = 2", 3, "this is not TOML"),
        ("[server]\nmotd = '''\n\n", 4, "this is not TOML"),
    ],
)
def test_every_form_of_fault_has_its_line(file: Path, text: str, line: int, says: str) -> None:
    file.write_text(text)
    told = fault(path=file, environ={})
    assert told.startswith(f"{file}:{line}: ")
    assert says in told


def test_text_that_is_not_utf8_is_reported_with_its_line(file: Path) -> None:
    file.write_bytes(b"[server]\nmotd = '\xff'\n")
    assert fault(path=file, environ={}) == f"{file}:2: this is not UTF-8 text."


def test_a_file_nested_too_deeply_is_a_fault_and_not_a_crash(file: Path) -> None:
    file.write_text("a = " + "[" * 20_000)
    assert str(file) in fault(path=file, environ={})


@pytest.mark.parametrize("number", ["9" * 5000, "0x" + "f" * 5000])
def test_a_number_too_long_to_print_is_a_fault_and_not_a_crash(file: Path, number: str) -> None:
    file.write_text(f"[server]\nport = {number}\n")
    assert fault(path=file, environ={}).startswith(f"{file}:")


def test_all_faults_are_reported_together_including_those_of_the_other_table(file: Path) -> None:
    file.write_text("[server]\nport = -1\nprot = 1\n[client]\nwait = 1\n")
    environ = {"TRIO_CHAT_RATE": "fast"}
    assert [told.split(":")[1] for told in fault(path=file, environ=environ).splitlines()[:3]] == ["2", "3", "5"]
    assert fault(path=file, environ=environ).splitlines()[3] == (
        "TRIO_CHAT_RATE must be a number, 0 or more, not 'fast'."
    )


def test_a_fault_of_a_flag_names_the_flag() -> None:
    assert fault(flags={"max_connections": "0"}, environ={}).startswith("--max-connections must be a whole number")


def test_a_variable_whose_name_is_nearly_one_of_ours_gives_a_warning() -> None:
    loaded = load_server(environ={"TRIO_CHAT_PROT": "1", "TRIO_CHAT_CONFIG": "", "TRIO_CHAT_UNRELATED_THING": "1"})
    assert loaded.warnings == (
        "The variable TRIO_CHAT_PROT is set, but no option reads it. Did you mean TRIO_CHAT_PORT?",
    )


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://h/", "must be an address such as"),
        ("h:port", "is not an address"),
        ("wss://h/#pin=x&invite=secret", "must not contain an invite"),
        ("ws://h:99999/", "is not an address"),
        ("ws://[::1/", "is not an address"),
        ("ws://:8765/", "must be an address such as"),
        ("ws://ada:secret@h/", "must not contain a name or password"),
    ],
)
def test_an_address_of_the_wrong_form_is_refused(url: str, says: str) -> None:
    told = fault(ClientConfig, environ={"TRIO_CHAT_URL": url})
    assert told.startswith("TRIO_CHAT_URL ")
    assert says in told
    assert "secret" not in told


@pytest.mark.parametrize("url", ["ws://127.0.0.1:8765/", "wss://chat.example/", "ws://[::1]:8765", "chat.example:9000"])
def test_an_address_of_a_server_is_accepted(url: str) -> None:
    assert load_client({"url": url}, environ={}).config.url == url


# ---- the password -----------------------------------------------------------------------------


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("correct horse\nnot this\n")
    path.chmod(0o600)
    return path


def test_the_password_is_the_first_line_of_the_password_file(secret: Path) -> None:
    loaded = load_server({"password_file": secret}, environ={})
    assert loaded.config.password == "correct horse"
    assert str(loaded.sources["password"]) == f"{secret}, named by --password-file"
    assert loaded.warnings == ()


def test_spaces_around_a_password_are_part_of_it(secret: Path) -> None:
    secret.write_bytes(b" a \r\n")
    assert load_server({"password_file": secret}, environ={}).config.password == " a "


def test_the_path_of_a_password_file_is_relative_to_the_settings_file(file: Path, secret: Path) -> None:
    file.write_text(f'[server]\npassword_file = "{secret.name}"\n')
    assert load_server(environ={}, path=file).config.password == "correct horse"


def test_a_tilde_stands_for_the_home_folder(secret: Path) -> None:
    environ = {"TRIO_CHAT_PASSWORD_FILE": f"~/{secret.name}"}
    assert load_client(environ=environ).config.password == "correct horse"


def test_the_password_of_the_stronger_layer_is_used_in_whatever_form(file: Path, secret: Path) -> None:
    file.write_text('[server]\npassword = "from the file"\n')
    environ = {"TRIO_CHAT_PASSWORD": "from a variable"}
    assert load_server(environ={}, path=file).config.password == "from the file"
    assert load_server(environ=environ, path=file).config.password == "from a variable"
    assert load_server({"password_file": secret}, environ=environ, path=file).config.password == "correct horse"
    file.write_text(f'[server]\npassword_file = "{secret}"\n')
    got = load_server(environ=environ, path=file).config
    assert (got.password, got.password_file) == ("from a variable", None)


def test_two_passwords_in_one_layer_are_a_fault(secret: Path) -> None:
    told = fault(environ={"TRIO_CHAT_PASSWORD": "x", "TRIO_CHAT_PASSWORD_FILE": str(secret)})
    assert told == "Both TRIO_CHAT_PASSWORD and TRIO_CHAT_PASSWORD_FILE give the password; remove one of them."


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\nsecond\n", "is empty"),
        (b"\xff\n", "is not UTF-8 text"),
        (b"x" * 1025, "more than 1024 characters"),
    ],
)
def test_a_password_file_without_a_usable_first_line_is_a_fault(secret: Path, content: bytes, says: str) -> None:
    secret.write_bytes(content)
    told = fault(flags={"password_file": secret}, environ={})
    assert told.startswith("--password-file: ")
    assert says in told


def test_a_password_file_that_does_not_exist_is_a_fault(tmp_path: Path) -> None:
    told = fault(environ={"TRIO_CHAT_PASSWORD_FILE": str(tmp_path / "none")})
    assert "cannot be read: No such file or directory" in told


def test_a_password_file_that_others_can_read_gives_a_warning(secret: Path) -> None:
    secret.chmod(0o644)
    assert "chmod 600" in "".join(load_server({"password_file": secret}, environ={}).warnings)


def test_a_settings_file_with_a_password_that_others_can_read_gives_a_warning(file: Path) -> None:
    file.write_text('[server]\npassword = "x"\n')
    assert load_server(environ={}, path=file).warnings == ()
    file.chmod(0o644)
    assert f"Other users can read {file}, which contains a password" in "".join(
        load_server(environ={}, path=file).warnings
    )
    assert load_server(environ={"TRIO_CHAT_PASSWORD": "y"}, path=file).warnings == ()


def test_a_password_appears_in_no_fault_and_no_repr(file: Path) -> None:
    file.write_text(f'[server]\npassword = "{"hunter2" * 200}"\n')
    assert "hunter2" not in fault(path=file, environ={})
    loaded = load_server(environ={"TRIO_CHAT_PASSWORD": "hunter2"})
    assert "hunter2" not in repr(loaded)
    assert "password=********" in repr(loaded.config)
    assert "password=None" in repr(ServerConfig())


# ---- together ---------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LocalHost."])
def test_a_server_that_only_this_machine_can_reach_is_open_to_everyone(host: str) -> None:
    check_server(ServerConfig(host=host))
    assert admission(ServerConfig(host=host)) == "everyone"
    assert admission(ServerConfig(host=host, behind_proxy=("127.0.0.1",))) == "invites", "a proxy brings strangers"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "chat.example", "localhost.example"])
def test_a_server_that_others_can_reach_takes_people_by_invite_unless_it_is_told_otherwise(host: str) -> None:
    check_server(ServerConfig(host=host))
    assert admission(ServerConfig(host=host)) == "invites"
    assert admission(ServerConfig(host=host, password="x")) == "password"
    assert admission(ServerConfig(host=host, open=True)) == "everyone"
    assert admission(ServerConfig(host=host, admit="accounts")) == "accounts"


def test_admission_by_accounts_alone_may_go_with_a_password() -> None:
    config = ServerConfig(password="x", admit="accounts")
    check_server(config)
    assert admission(config) == "accounts"
    assert admission(ServerConfig(admit="invites")) == "invites"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"open": True, "admit": "invites"}, "admit = invites keeps out people that --open lets in"),
        ({"open": True, "admit": "accounts"}, "admit = accounts keeps out people that --open lets in"),
        ({"password": "x", "admit": "invites"}, "admit = invites keeps out people that the password lets in"),
    ],
)
def test_settings_that_contradict_each_other_about_who_gets_in_are_refused(
    settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        check_server(ServerConfig(**settings))


def test_an_outbox_too_small_for_a_message_is_refused() -> None:
    with pytest.raises(ConfigError, match="outbox_bytes"):
        check_server(ServerConfig(outbox_bytes=65536, max_frame=65536))


# ---- the table --------------------------------------------------------------------------------


def test_the_structs_are_frozen() -> None:
    with pytest.raises(AttributeError):
        ServerConfig().port = 1  # type: ignore[misc]  # that it cannot be set is the point


def test_every_field_is_an_option_with_a_description() -> None:
    for section in config.SECTIONS.values():
        assert [option.key for option in config.options(section)] == list(section.__struct_fields__)
    assert all(option.description and option.group for option in OPTIONS)
    assert all(option.metavar or option.kind == "flag" for option in OPTIONS)


def test_a_key_in_both_tables_means_the_same_because_they_share_its_variable() -> None:
    server, client = ({o.key: o for o in config.options(section)} for section in config.SECTIONS.values())
    assert server.keys() & client.keys() == {"password", "password_file"}
    for key in server.keys() & client.keys():
        assert (server[key].kind, server[key].default) == (client[key].kind, client[key].default)


def test_no_option_has_the_variable_that_names_the_file() -> None:
    assert "TRIO_CHAT_CONFIG" not in {option.variable for option in OPTIONS}


def test_every_option_accepts_its_default() -> None:
    for option in OPTIONS:
        if option.default is not None:
            assert config.convert(option, option.default, lenient=False) == option.default


def test_no_secret_has_a_flag() -> None:
    assert [option.key for option in OPTIONS if option.secret] == ["password", "password"]
    assert not any(option.flags for option in OPTIONS if option.secret)


def test_every_value_has_the_type_of_its_field(file: Path) -> None:
    for section in config.SECTIONS.values():
        got = msgspec.structs.asdict(load(section, environ={}).config)
        hints = typing.get_type_hints(section)
        for key, value in got.items():
            kinds = typing.get_args(hints[key]) or (hints[key],)
            assert value in kinds or value in ((), {}) or type(value) in kinds


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(option=st.sampled_from(OPTIONS), value=json_values, lenient=st.booleans())
def test_any_value_is_refused_or_converted_to_a_value_that_is_accepted_again(
    option: Option,
    value: object,
    lenient: bool,  # noqa: FBT001 - hypothesis gives it by name
) -> None:
    try:
        made = config.convert(option, value, lenient=lenient)
    except InvalidValue:
        return
    assert config.convert(option, made, lenient=False) == made


# ---- lines ------------------------------------------------------------------------------------


def test_statements_of_every_form_are_found() -> None:
    text = (
        '# [no.table]\na = """\nb = 1\n"""\n\n[t]  # c\n"x y" = [\n  1, # =\n  2,\n]\n'
        "[t.u]\nd.e = 1\n[[v]]\nf = {g = 1, h = '=' }\n"
    )
    assert list(statements(text)) == [
        (2, ("a",)),
        (6, ("t",)),
        (7, ("t", "x y")),
        (11, ("t", "u")),
        (12, ("t", "u", "d", "e")),
        (13, ("v",)),
        (14, ("v", "f", "g")),
        (14, ("v", "f", "h")),
    ]
