"""Carry out the Dockerfile without an engine, and run what it makes: ``python -m tests.packaging.chroot``, as root.

Each stage of the Dockerfile is a directory that begins as a small Debian, made by debootstrap from the mirror that this
machine installs from. The finished one is run as an engine runs a container: as the user of the image, as process 1 of
its own process namespace, on a root that cannot be written to, with a volume and an own /tmp. What only an engine has
(layers, its network, its images of Python) is not shown by this.

The mounts are in a mount namespace of this process, so they are gone at its end: it starts itself anew in one.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.packaging import dockerfile
from tests.packaging.dockerfile import Step
from tests.packaging.installed_program import PATIENCE, Running, run, running
from tests.ports import find_free_port

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = "python3,python3-venv,ca-certificates"
NETWORK: Final = ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt")
"""Files of this machine by which the build reaches the package index, as an engine sees to for its builds."""
PASSED_ON: Final = ("PIP_INDEX_URL", "PIP_CERT", "PIP_DEFAULT_TIMEOUT", "http_proxy", "https_proxy", "no_proxy")
MAY_CHANGE: Final = (
    "opt/trio-chat",
    "data",
    "etc/passwd",
    "etc/group",
    "etc/shadow",
    "etc/gshadow",
    "etc/subuid",
    "etc/subgid",
)


def do(*command: str | Path, **environ: str) -> None:
    """Run a program of this machine. It must end with 0."""
    subprocess.run([str(word) for word in command], check=True, env={**os.environ, **environ})


def ask(*command: str) -> str:
    """The output of a program of this machine."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def make_debian(root: Path) -> None:
    """Make a small Debian of this machine's release, from the mirror that apt is set up with."""
    form = "$(REPO_URI) $(CODENAME) $(COMPONENT) $(ORIGIN)"
    targets = [
        line.split() for line in ask("apt-get", "indextargets", "--format", form, "Created-By: Packages").splitlines()
    ]
    mirror, release = next(
        (uri, name) for uri, name, component, origin in targets if (component, origin) == ("main", "Debian")
    )
    do("debootstrap", "--variant=minbase", f"--include={PACKAGES}", release, root, mirror)


@dataclass
class Stage:
    """A stage of the build, and what its instructions have set."""

    root: Path
    environ: dict[str, str] = field(default_factory=lambda: {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"})
    workdir: str = "/"
    user: str = "0:0"
    entry: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)

    def inside(self, *command: str, **more: str) -> list[str]:
        """The command line that runs a command in the stage's root, as the stage's user."""
        words = [f"{name}={value}" for name, value in {**self.environ, **more}.items()]
        shell = f'cd {self.workdir} && exec "$@"'
        return [
            *("chroot", f"--userspec={self.user}", str(self.root), "env", "-i", *words),
            *("setpriv", "--no-new-privs", "sh", "-c", shell, "sh", *command),
        ]


class Build:
    """Carries out a Dockerfile in a folder."""

    def __init__(self, base: Path, folder: Path) -> None:
        self._base = base
        self._folder = folder
        self._stages: dict[str, Stage] = {}
        self.stage = Stage(folder)

    def step(self, step: Step) -> None:
        """Carry out one instruction."""
        stage = self.stage
        match step.word:
            case "FROM":
                name = step.rest.partition(" AS ")[2] or "last"
                self.stage = self._stages[name] = Stage(self._folder / name)
                do("cp", "--archive", "--reflink=auto", self._base, self.stage.root)
                if name != "last":
                    self._connect(self.stage)
            case "RUN":
                do(*stage.inside("sh", "-c", step.rest))
            case "COPY":
                self._copy(step)
            case "ENV":
                stage.environ |= dict(word.split("=", 1) for word in step.words)
            case "WORKDIR":
                stage.workdir = step.rest
                Path(stage.root, step.rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
            case "USER":
                stage.user = step.rest
            case "ENTRYPOINT":
                stage.entry = step.words
            case "CMD":
                stage.command = step.words
            case "VOLUME":
                stage.volumes.append(step.rest)
            case "EXPOSE" | "HEALTHCHECK" | "STOPSIGNAL":
                pass
            case _:
                raise ValueError(f"{step} is not understood")

    def _connect(self, stage: Stage) -> None:
        """Let a stage that is thrown away reach the package index, as this machine does."""
        for name in NETWORK:
            if Path(name).exists():
                shutil.copyfile(name, Path(stage.root, name.lstrip("/")))
        stage.environ |= {name: os.environ[name] for name in PASSED_ON if name in os.environ}

    def _copy(self, step: Step) -> None:
        *sources, target = step.words
        destination = Path(self.stage.root, self.stage.workdir.lstrip("/"), target)
        if target.startswith("/"):
            destination = Path(self.stage.root, target.lstrip("/"))
        if "from" in step.flags:
            (source,) = sources
            do("cp", "--archive", Path(self._stages[step.flags["from"]].root, source.lstrip("/")), destination)
            return
        for path in dockerfile.context(ROOT):
            name = path.relative_to(ROOT)
            for source in sources:
                if name == Path(source) or name.is_relative_to(source):
                    into = destination / (name.name if name == Path(source) else name.relative_to(source))
                    into.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, into)


def check_layers(base: Path, stage: Stage) -> None:
    """The last stage holds the program and its user, and nothing that was only needed to build it."""
    before = {path.relative_to(base) for path in base.rglob("*")}
    for path in stage.root.rglob("*"):
        name = path.relative_to(stage.root)
        text = name.as_posix().removesuffix("-")  # useradd keeps a copy of what it changes
        if name not in before or (path.is_file() and path.stat().st_mtime > (base / name).stat().st_mtime):
            assert text.startswith(MAY_CHANGE), f"{text} was left behind by the build"
        if text.startswith("opt/trio-chat"):
            assert not text.endswith((".whl", ".tar.gz")), text
            assert "/pip/" not in text, text


class Container:
    """The finished stage, mounted as an engine would mount it."""

    def __init__(self, stage: Stage, volume: Path) -> None:
        self.stage = stage
        root = stage.root
        (data,) = stage.volumes
        do("cp", "--archive", f"{root}{data}/.", volume)
        owner = Path(f"{root}{data}").stat()
        os.chown(volume, owner.st_uid, owner.st_gid)
        volume.chmod(owner.st_mode & 0o777)
        do("mount", "--bind", root, root)
        do("mount", "-o", "remount,bind,ro", root)
        do("mount", "-t", "tmpfs", "tmpfs", root / "tmp")
        do("mount", "--bind", volume, f"{root}{data}")

    def exec(self, *command: str, **environ: str) -> list[str]:
        """The command line of ``docker exec``."""
        return self.stage.inside(*command, **environ)

    def start(self, **environ: str) -> list[str]:
        """The command line of ``docker run``."""
        proc = f"--mount-proc={self.stage.root}/proc"
        command = self.stage.inside(*self.stage.entry, *self.stage.command, **environ)
        return ["unshare", "--pid", "--fork", proc, *command]


@contextlib.contextmanager
def killed(program: Running) -> Iterator[int]:
    """Yield the process that is process 1 inside of the namespace, and kill it at the end, if it is still there."""
    pid = program.process.pid
    deadline = time.monotonic() + PATIENCE
    while not (children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        assert time.monotonic() < deadline, f"nothing was started: {program.text}"
        time.sleep(0.01)
    try:
        yield int(children[0])
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(children[0]), signal.SIGKILL)


def say(text: str) -> None:
    """Report a step."""
    print(f"{time.monotonic() - BEGAN:6.1f} s  {text}", flush=True)  # noqa: T201 - the report


BEGAN: Final = time.monotonic()
ENVIRON: Final = {"PATH": os.environ["PATH"]}


def try_container(container: Container, health: Sequence[str]) -> None:
    """Run the server as process 1, chat through it, stop it as an engine does, and start it again on its volume."""
    stage = container.stage
    run(container.exec(*health), ENVIRON, status=1)
    say("without a server the health check fails")
    assert "Read-only" in run(["touch", f"{stage.root}/opt/trio-chat/x"], ENVIRON, status=1)
    port = find_free_port()
    for first in (True, False):
        with running(container.start(TRIO_CHAT_PORT=str(port)), ENVIRON) as server, killed(server) as pid:
            url = json.loads(server.wait_for('"listening"'))["urls"][0]
            assert url == f"wss://0.0.0.0:{port}/", url
            status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            assert status["Uid"].split() == [stage.user.partition(":")[0]] * 4, status["Uid"]
            assert status["NSpid"].split()[-1] == "1", status["NSpid"]
            assert int(status["CapEff"], 16) == 0, status["CapEff"]
            say(f"started: {url}, process 1, user {stage.user}, no capability, read-only root")
            assert "does its work" in run(container.exec(*health), ENVIRON)
            say("the health check passes")
            visit(container, port, first=first)
            os.kill(pid, signal.SIGTERM)
            assert server.process.wait(PATIENCE) == 0, server.text
            assert "Traceback" not in server.text, server.text
            say("SIGTERM ends it with status 0")


def visit(container: Container, port: int, *, first: bool) -> None:
    """Come in as ada, the first time with an invite; say a line, and find as many as there were visits."""
    address = f"wss://127.0.0.1:{port}/"
    home = {"HOME": "/tmp/guest"}
    if first:
        told = run(container.exec("trio-chat", "admin", "invite"), ENVIRON)
        pin_and_invite = re.findall(r"'wss://[^#]+(#pin=[\w-]+&invite=[\w-]+)'", told)
        link = f"{address}{pin_and_invite[0]}"
        assert "You are ada" in run(container.exec("trio-chat", "join", "ada", link, "--plain", **home), ENVIRON)
        say("a guest is in by an invite, over TLS")
    ada = ("--name", "ada", "--url", address)
    run(container.exec("trio-chat", "send", "#lobby", "another visit", *ada, **home), ENVIRON)
    found = run(container.exec("trio-chat", "search", "visit", *ada, **home), ENVIRON)
    assert found.count("another visit") == (1 if first else 2), found
    say("ada is known without a question, and all lines are there")


def main() -> None:
    """Build, check and run."""
    if "--inside" not in sys.argv:
        os.execvp(
            "unshare",
            ["unshare", "--mount", "--propagation", "private", sys.executable, "-m", __spec__.name, "--inside"],
        )
    steps = dockerfile.read((ROOT / "Dockerfile").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary, "base")
        ready = os.environ.get("TRIO_CHAT_BASE")
        if ready:
            do("cp", "--archive", "--reflink=auto", ready, base)
        else:
            make_debian(base)
        say("a Debian of its own")
        build = Build(base, Path(temporary))
        for step in steps:
            build.step(step)
            say(f"{step.word} {step.rest[:60]}")
        check_layers(base, build.stage)
        size = int(ask("du", "-sm", str(build.stage.root / "opt")).split()[0])
        say(f"nothing is left behind by the build; the program takes {size} MiB")
        volume = Path(temporary, "volume")
        volume.mkdir()
        container = Container(build.stage, volume)
        try:
            try_container(container, dockerfile.healthcheck(steps))
        finally:
            do("umount", "--recursive", build.stage.root)


if __name__ == "__main__":
    main()
