"""The Dockerfile: what it says, and its build steps carried out in folders of the test's own. No engine is asked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.deploy.dockerfile import stages
from tests.support.shared import REPOSITORY

BUILD, FINAL = stages()
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LARGEST = 190
"""Megabytes that the installed packages may have."""


def sources(instruction: str) -> list[str]:
    return instruction.split()[:-1]


def test_python_is_one_that_the_library_runs_on() -> None:
    assert BUILD.base == FINAL.base
    found = re.fullmatch(r"python:(3)\.(\d+)-slim", FINAL.base)
    assert found
    assert f"Programming Language :: Python :: 3.{found[2]}" in PROJECT["classifiers"]


def test_everything_that_is_copied_exists_and_is_sent_to_the_engine() -> None:
    ignored, *others = [
        line for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line and line[0] != "#"
    ]
    assert ignored == "*"
    sent = {line[1:] for line in others if line.startswith("!")}
    copied = {source for text in BUILD.all("COPY") for source in sources(text)}
    assert copied == sent
    assert all((REPOSITORY / name).exists() for name in copied)
    packages = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(packages["packages"]) <= copied
    assert not any(fnmatch(".env", pattern) or fnmatch("keys.json", pattern) for pattern in sent)


def test_the_last_stage_holds_the_environment_and_no_build_tools() -> None:
    assert FINAL.all("COPY") == ["--from=build /opt/ticketcore /opt/ticketcore"]
    assert not [text for text in FINAL.all("RUN") if "pip" in text or "apt" in text]
    assert all("--no-cache-dir" in text for text in BUILD.all("RUN") for _ in re.findall(r"\bpip\b", text))
    assert FINAL.environment()["PATH"].startswith("/opt/ticketcore/bin:")
    assert FINAL.environment()["PYTHONUNBUFFERED"] == "1"


def test_nobody_is_root_and_sigterm_ends_it() -> None:
    uid, gid = FINAL.last("USER").split(":")
    assert int(uid) == int(gid) >= 10_000
    [made] = FINAL.all("RUN")
    assert f"--gid {gid} ticketcore" in made
    assert f"useradd --system --uid {uid} --gid {gid}" in made
    names = [name for name, _ in FINAL.steps]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert FINAL.last("STOPSIGNAL") == "SIGTERM"
    assert FINAL.words("ENTRYPOINT") == ["ticketcore"]
    assert "ticketcore" in PROJECT["scripts"]
    assert "org.opencontainers.image.licenses" in FINAL.last("LABEL")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the first stage makes, by its own COPY and RUN lines; a Python without our packages stands for the base's."""
    root = tmp_path_factory.mktemp("image")
    moved = {"/wheels": root / "wheels", "/opt/ticketcore": root / "opt/ticketcore"}
    work = root / BUILD.last("WORKDIR").strip("/")
    work.mkdir(parents=True)
    venv.create(root / "base", with_pip=True)
    environ = {**os.environ, "PATH": f"{root / 'base' / 'bin'}:{os.environ['PATH']}"}
    environ.pop("PYTHONPATH", None)
    for instruction, text in BUILD.steps:
        if instruction == "COPY":
            for source in sources(text):
                place(REPOSITORY / source, work / text.split()[-1])
        elif instruction == "RUN":
            step = text.replace(" --no-cache-dir", "")  # a test may take what was fetched before
            for path, here in moved.items():
                step = re.sub(rf"(?<![\w.]){path}\b", str(here), step)
            done = subprocess.run(
                ["sh", "-euc", step], cwd=work, env=environ, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{step}\n{done.stdout}{done.stderr}"
    return moved["/opt/ticketcore"]


def place(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def said(image: Path, *command: str) -> str:
    """Run a command in the built environment, with the last stage's variables."""
    environ = {**FINAL.environment(), "PATH": f"{image / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(command, env=environ, cwd=image, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_build_steps_make_a_small_environment_that_runs_the_commands(image: Path) -> None:
    entry = FINAL.words("ENTRYPOINT")
    assert said(image, *entry, *FINAL.words("CMD")) == said(image, *entry, "--help")
    assert "one leads and the others stand by" in " ".join(said(image, *entry, "worker", "relay", "--help").split())
    assert said(image, *entry, "--version").strip().endswith(PROJECT["version"])
    packages = said(image, "python", "-c", "import ticketcore, workers.cli, kafka, psycopg; print(kafka.__file__)")
    assert packages.startswith(str(image)), packages
    size = sum(file.stat().st_size for file in image.rglob("*") if file.is_file()) / 2**20
    print(f"{size:.0f} MiB in {image} on Python {sys.version_info.major}.{sys.version_info.minor}")
    assert size < LARGEST
    assert not list(image.glob("lib/python*/site-packages/pip"))
