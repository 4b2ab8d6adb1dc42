"""``join --ssh``: who came is told apart, and gets the chat and nothing else of the machine."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.sshd import PROGRAM, SSHD, Sshd, make_key, over_ssh
from tests.programs import PATIENCE, ServerProgram, as_somebody, environment, past, run, run_python
from tests.pty_driver import PtyProgram
from trio_chat.cli.over_ssh import find_guest
from trio_chat.client import Chat
from trio_chat.errors import TrioChatError, UsageError

CAME = {"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22", "LOGNAME": "ada"}
NO_KEYS = Path("/nonexistent")


# ---- who came ----------------------------------------------------------------------------------


def auth_info(folder: Path, text: str) -> dict[str, str]:
    (folder / "auth").write_text(text)
    return {**CAME, "SSH_USER_AUTH": str(folder / "auth")}


def test_without_sshd_and_with_a_command_there_is_no_chat() -> None:
    with pytest.raises(UsageError, match="sshd runs"):
        find_guest({"LOGNAME": "ada"}, None, NO_KEYS)
    for command in ("who", "scp -t .", "/usr/lib/openssh/sftp-server", " "):
        with pytest.raises(UsageError, match="runs no commands"):
            find_guest({**CAME, "SSH_ORIGINAL_COMMAND": command}, "ada", NO_KEYS)


def test_the_account_is_who_came_where_sshd_says_no_key() -> None:
    ada = find_guest(CAME, None, NO_KEYS)
    assert ada.name == "ada"
    assert ada.folder.startswith("account-ada-")
    assert find_guest({**CAME, "LOGNAME": "eve"}, None, NO_KEYS).folder != ada.folder
    for impossible in ("root", "..", "../../x", "a" * 99, ""):  # reserved, or no names
        guest = find_guest({**CAME, "LOGNAME": impossible, "USER": ""}, None, NO_KEYS)
        assert guest.name is None
        assert "/" not in guest.folder
        assert guest.folder.startswith("account-")


def test_the_name_in_the_command_is_who_came_however_it_is_spelled(tmp_path: Path) -> None:
    key = b64encode(b"one").decode()
    ada = find_guest(auth_info(tmp_path, f"publickey ssh-ed25519 {key}\n"), "ada", NO_KEYS)
    assert ada.name == "ada"
    assert ada.folder == find_guest(CAME, "ADA", NO_KEYS).folder
    assert ada.folder != find_guest(CAME, "eve", NO_KEYS).folder
    assert ada.folder != find_guest(CAME, None, NO_KEYS).folder  # an account of that name is somebody else


def test_the_key_is_who_came_and_its_comment_is_the_name(tmp_path: Path) -> None:
    one, two = (b64encode(text).decode() for text in (b"one", b"two"))
    keys = tmp_path / "keys"
    keys.write_text(
        f"# ssh-ed25519 {one} wrong@comment\n"
        f"ssh-rsa {one} wrong@type\n"
        f'restrict,pty,from="192.0.2.0/24",environment="A=b c" ssh-ed25519 {one} ada@laptop of hers\n'
        f"ssh-ed25519 {two} ada@desk\n"
    )
    ada = find_guest(auth_info(tmp_path, f"password\npublickey ssh-ed25519 {one}\n"), None, keys)
    assert (ada.name, ada.folder) == ("ada", f"key-{hashlib.sha256(b'one').hexdigest()[:32]}")
    other = find_guest(auth_info(tmp_path, f"publickey ssh-ed25519 {two}\n"), None, keys)
    assert other.name == "ada"
    assert other.folder != ada.folder  # whoever made the key wrote its comment


@pytest.mark.parametrize("comment", ["", "root@host", "@", "../../etc", "\x1b[2J"])
def test_a_key_without_a_possible_name_has_none(tmp_path: Path, comment: str) -> None:
    one = b64encode(b"one").decode()
    (tmp_path / "keys").write_text(f"ssh-ed25519 {one} {comment}\n")
    guest = find_guest(auth_info(tmp_path, f"publickey ssh-ed25519 {one}\n"), None, tmp_path / "keys")
    assert guest.name is None
    assert guest.folder.startswith("key-")
    assert find_guest(auth_info(tmp_path, f"publickey ssh-ed25519 {one}\n"), None, NO_KEYS) == guest


def test_who_came_by_a_certificate_or_a_password_is_the_account(tmp_path: Path) -> None:
    for method in (f"publickey ssh-ed25519-cert-v01@openssh.com {b64encode(b'x').decode()}", "password", "publickey"):
        assert find_guest(auth_info(tmp_path, f"{method}\n"), None, NO_KEYS).folder.startswith("account-ada-")
    with pytest.raises(TrioChatError, match="cannot be read"):
        find_guest({**CAME, "SSH_USER_AUTH": str(tmp_path / "gone")}, None, NO_KEYS)


def test_the_flag_is_refused_without_sshd_and_on_the_way_to_a_command() -> None:
    plain = run("join", "--ssh")
    assert (plain.status, plain.out) == (2, "")
    assert "sshd" in plain.err
    asked = run("join", "--ssh", env=environment(SSH_ORIGINAL_COMMAND="who", **CAME))
    assert (asked.status, asked.out) == (2, "")
    assert "runs no commands" in asked.err


def test_the_process_leaves_nothing_behind_but_private_state(tmp_path: Path) -> None:
    told = run_python(
        """
        import os, resource, signal, sys
        from pathlib import Path
        from trio_chat.cli.over_ssh import begin_over_ssh
        from trio_chat.client.state_files import state_directory

        os.environ.update(SSH_CONNECTION="192.0.2.1 1 192.0.2.2 22", XDG_STATE_HOME=sys.argv[1])
        guest = begin_over_ssh("ada", Path("none"))
        print(resource.getrlimit(resource.RLIMIT_CORE)[0], signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN)
        print(state_directory() == Path(sys.argv[1]) / "trio-chat" / "ssh" / guest.folder, oct(os.umask(0)))
        """,
        tmp_path,
    )
    assert told.split() == ["0", "True", "True", "0o77"]


def test_a_guest_knows_the_server_that_the_host_knows(tmp_path: Path) -> None:
    came = environment(XDG_STATE_HOME=str(tmp_path / "state"), HOME=str(tmp_path), **CAME)
    with ServerProgram("--data", str(tmp_path / "data")) as server:
        assert run("who", "--url", server.url, env=came).status == 0
        server.stop()
    password = tmp_path / "password"
    password.write_text("letmein-letmein")
    with ServerProgram("--data", str(tmp_path / "other"), port=server.port) as stranger:  # while the server is down
        join = ("join", "--ssh", "ada", stranger.url, "--password-file", str(password))
        refused = run(*join, given="hello\n", env=came)
        assert refused.status == 1
        accept = re.search(r"trio-chat (trust accept \S+ \S+)", refused.err)
        assert accept is not None
        assert run(*accept[1].split(), env=came).status == 0
        assert run(*join, given="hello\n", env=came).status == 0
        assert run("trust", "forget", stranger.url, env=came).status == 0
        stranger.stop()


# ---- a real sshd -------------------------------------------------------------------------------

pytest_skip = pytest.mark.skipif(
    "CI" not in os.environ and (SSHD is None or shutil.which("ssh") is None), reason="OpenSSH is not installed"
)

SETTINGS = """
[client]
log_directory = "{folder}/logs"
notify_command = ["touch", "{folder}/notified"]
"""


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProgram]:
    with ServerProgram() as one:
        yield one


@pytest.fixture
def sshd(server: ServerProgram, tmp_path: Path) -> Iterator[Sshd]:
    """The configuration of the page, for the user who runs the tests, whose files are in the test's folder."""
    config = tmp_path / "config.toml"
    config.write_text(SETTINGS.format(folder=tmp_path))
    command = f"{PROGRAM} join --ssh --url {server.url} --config {config} --authorized-keys {tmp_path}/authorized_keys"
    with Sshd(
        tmp_path,
        [
            f"ForceCommand {command}",
            "ExposeAuthInfo yes",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "DisableForwarding yes",
            "PermitUserRC no",
        ],
        XDG_STATE_HOME=str(tmp_path / "state"),
        XDG_CONFIG_HOME=str(tmp_path / "config"),
        EDITOR=f"touch {tmp_path}/edited",
        PYTHONPATH=os.getcwd(),  # noqa: PTH109 - as text
    ) as one:
        yield one


def wait_in(program: PtyProgram, name: str) -> None:
    """Wait until the full screen shows that this person is in the chat."""
    program.wait_until(lambda: name in "".join(program.rows[:1]) and program.shows("connected"), f"{name} to be in")


def wait_gone(server: ServerProgram, name: str) -> None:
    """Wait until somebody is no longer in the chat."""
    deadline = time.monotonic() + PATIENCE
    here = [name]

    async def look(chat: Chat) -> None:
        here[:] = [person.name for person in await chat.who("#lobby")]

    while name in here:
        assert time.monotonic() < deadline, here
        as_somebody(server.url, "lookout", look)


@pytest_skip
def test_two_keys_talk_in_the_full_screen_and_stay_who_they_are(
    server: ServerProgram, sshd: Sshd, tmp_path: Path
) -> None:
    ada_key, bob_key = sshd.admit("one", "ada@laptop"), sshd.admit("two", "bob@desk")
    before = {path.name for path in tmp_path.iterdir()}
    with (
        PtyProgram(sshd.ssh(ada_key), env=environment()) as ada,
        PtyProgram(sshd.ssh(bob_key), env=environment()) as bob,
    ):
        wait_in(ada, "ada")
        wait_in(bob, "bob")
        ada.type("over ssh, without an install\r")
        bob.wait_for("over ssh, without an install")
        bob.type("me too\r")
        ada.wait_for("me too")
        ada.resize(100, 40)
        ada.wait_until(lambda: len(ada.rows) > 30, "the window's new height to be used")
        ada.type("/quit\r")
        assert ada.wait_exit() == 0
        ada.assert_given_back()
        bob.hang_up()
        wait_gone(server, "bob")
    with PtyProgram(sshd.ssh(ada_key), env=environment()) as again:
        wait_in(again, "ada")
        again.type("\x03")
        assert again.wait_exit() == 130
    state = tmp_path / "state" / "trio-chat"
    assert len(list(state.glob("ssh/key-*"))) == 2
    assert [path.name for path in state.iterdir()] == ["ssh"]
    assert {path.name for path in tmp_path.iterdir()} - before <= {"state", "known_hosts"}  # no logs, no settings
    assert all(path.stat().st_mode & 0o077 == 0 for path in state.rglob("*"))


@pytest_skip
def test_there_is_no_way_out_of_the_full_screen_to_the_machine(sshd: Sshd, tmp_path: Path) -> None:
    key = sshd.admit("one", "carl@laptop")
    secret = tmp_path / "secret.toml"
    secret.write_text("password of the host")
    with PtyProgram(sshd.ssh(key), env=environment()) as carl:
        wait_in(carl, "carl")
        carl.type("\x1a")
        carl.wait_for("Over ssh there is no shell to go back to.")
        carl.type("\x18\x05")
        carl.wait_for("There is no editor over ssh.")
        carl.type("/set time_format %H.%M --save\r")
        carl.wait_for("Settings are not saved here")
        carl.type(f"/set theme {secret}\r")
        carl.wait_for("Over ssh there are no theme files")
        carl.type(f"/theme {secret}\r")
        carl.type("/set log_directory x\r")
        carl.wait_for("log_directory cannot be set over ssh.")
        carl.type("/set time_format %H.%M\r")
        carl.wait_for("time_format = %H.%M")
        as_somebody_says_his_name(carl, sshd)
        carl.type("/quit\r")
        assert carl.wait_exit() == 0
    for name in ("edited", "notified", "logs", "config"):
        assert not (tmp_path / name).exists()
    assert (tmp_path / "config.toml").read_text() == SETTINGS.format(folder=tmp_path)


def as_somebody_says_his_name(carl: PtyProgram, sshd: Sshd) -> None:
    """Mention carl, which would start the program for notifications."""
    key = sshd.admit("two", "dora@laptop")
    assert over_ssh(sshd.ssh(key), "carl: are you there?\n").returncode == 0
    carl.wait_for("are you there?")


@pytest_skip
def test_line_mode_at_a_terminal_does_not_stop_either(server: ServerProgram, tmp_path: Path) -> None:
    with Sshd(tmp_path, [], XDG_STATE_HOME=str(tmp_path / "state"), PYTHONPATH=os.getcwd()) as sshd:  # noqa: PTH109 - as text
        key = sshd.admit("one", "", f'restrict,pty,command="{PROGRAM} join --ssh --plain emil {server.url}"')
        with PtyProgram(sshd.ssh(key), env=environment()) as emil:
            emil.wait_for("You are emil")
            emil.type("\x1a")
            emil.wait_for("no shell to go back to")
            emil.type("/quit\r")
            assert emil.wait_exit() == 0


@pytest_skip
def test_an_odd_terminal_type_does_no_harm(sshd: Sshd) -> None:
    key = sshd.admit("one", "fred@laptop")
    for term in ("../../../../etc/passwd", "x" * 300, "xterm-\x1b]2;title\x07"):
        with PtyProgram(sshd.ssh(key), env=environment(TERM=term, LC_ALL="xx_XX.bogus")) as fred:
            wait_in(fred, "fred")
            fred.type("/quit\r")
            assert fred.wait_exit() == 0


@pytest_skip
def test_a_dumb_terminal_gets_lines_and_cannot_stop_the_program(sshd: Sshd) -> None:
    key = sshd.admit("one", "gina@laptop")
    with PtyProgram(sshd.ssh(key), env=environment(TERM="dumb")) as gina:
        gina.wait_for("You are gina")
        gina.type("\x1ahello\r")
        gina.wait_for("gina: hello")
        gina.type("\x03")
        assert gina.wait_exit() == 130


@pytest_skip
def test_a_file_is_sent_line_by_line_and_the_status_tells(server: ServerProgram, sshd: Sshd) -> None:
    key = sshd.admit("one", "hans@laptop")
    done = over_ssh(sshd.ssh(key), "/join #files\nfirst\nsecond\n")
    assert done.returncode == 0, done.stderr
    assert "You are hans." in done.stdout
    assert past(server.url, "#files") == [("hans", "first"), ("hans", "second")]
    assert over_ssh(sshd.ssh(key), "/join #files\n@nobody-like-that: hi\n").returncode == 1


@pytest_skip
def test_commands_copies_and_forwarding_are_refused(server: ServerProgram, sshd: Sshd, tmp_path: Path) -> None:
    key = sshd.admit("one", "ines@laptop")
    for command in ("who", "sh", "trio-chat admin users", "scp -t ."):
        refused = over_ssh(sshd.ssh(key, command), "x\n")
        assert (refused.returncode, refused.stdout) == (2, ""), refused
        assert "runs no commands" in refused.stderr
    forwarded = over_ssh(sshd.ssh(key, f"-W127.0.0.1:{server.port}"), "GET /healthz HTTP/1.0\r\n\r\n")
    assert forwarded.returncode != 0
    assert forwarded.stdout == ""
    (tmp_path / "file").write_text("text")
    copied = over_ssh(sshd.ssh(key, "-s", "sftp"))
    assert copied.returncode != 0


@pytest_skip
def test_a_lost_connection_ends_the_program_that_waits_for_lines(server: ServerProgram, sshd: Sshd) -> None:
    key = sshd.admit("one", "jana@laptop")
    with PtyProgram(sshd.ssh(key, "-T"), env=environment()) as jana:
        jana.wait_for("You are jana")
        jana.signal(signal.SIGKILL)
        jana.wait_exit()
    wait_gone(server, "jana")


@pytest_skip
def test_sshd_takes_the_configuration_of_the_page(tmp_path: Path) -> None:
    assert SSHD is not None
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "ssh.md").read_text()
    match = page[page.index("Match User chat") :].partition("```")[0]
    make_key(tmp_path / "host")
    config = tmp_path / "sshd_config"
    config.write_text(f"HostKey {tmp_path / 'host'}\n{match}")
    told = subprocess.run(
        [SSHD, "-T", "-f", str(config), "-C", "user=chat,host=x,addr=192.0.2.1"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert "forcecommand /opt/trio-chat/bin/trio-chat join --ssh" in told
    for line in ("exposeauthinfo yes", "disableforwarding yes", "passwordauthentication no", "permituserrc no"):
        assert line in told


@pytest_skip
def test_the_host_can_give_each_key_its_name(server: ServerProgram, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with Sshd(tmp_path, ["PasswordAuthentication no"], XDG_STATE_HOME=str(state), PYTHONPATH=os.getcwd()) as sshd:  # noqa: PTH109 - as text
        command = f'restrict,pty,command="{PROGRAM} join --ssh kim {server.url}"'
        laptop, phone = sshd.admit("one", "root@laptop", command), sshd.admit("two", "bob@phone", command)
        assert over_ssh(sshd.ssh(laptop), "from the laptop\n").returncode == 0
        assert over_ssh(sshd.ssh(phone), "from the phone\n").returncode == 0
    assert past(server.url)[-2:] == [("kim", "from the laptop"), ("kim", "from the phone")]
    assert len(list((state / "trio-chat" / "ssh").iterdir())) == 1
