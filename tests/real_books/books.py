"""Builds the two books of this folder with their own tools, as an author does it."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.browser.book_server import WRITTEN

HERE: Final = Path(__file__).parent
SECONDS: Final = 300.0
# What `runestone build` hands to Sphinx for a book with no server of its own.
RUNESTONE: Final = {
    "login_required": "false",
    "loglevel": "10",
    "course_title": "smallbook",
    "python3": "true",
    "default_ac_lang": "python",
    "downloads_enabled": "false",
    "enable_chatcodes": "false",
    "allow_pairs": "false",
    "dynamic_pages": "False",
    "use_services": "true",
    "basecourse": "smallbook",
    "course_id": "smallbook",
    "appname": "runestone",
    "course_url": "http://127.0.0.1:8000",
}
# The version of Runestone's components that the package brings is found in its cache under another name than
# the one that it was put there with; without that name only a network can say which version there is.
CACHED: Final = ("runestone_services.xml", "rs_services.xml")


def build_runestone(tools: Path, folder: Path) -> Path:
    """The folder of its pages, for BookServer. tools: a virtual environment with requirements.txt."""
    source, built = folder / "runestone", folder / "runestone-html"
    _copy(HERE / "runestone", source)
    (source / "conf.txt").rename(source / "conf.py")
    named = [word for name, value in RUNESTONE.items() for word in ("-A", f"{name}={value}")]
    _run(
        [tools / "bin" / "python", "-m", "sphinx", "-q", "-c", source, *named, source / "_sources", built],
        source,
    )
    return built


def build_pretext(tools: Path, folder: Path) -> Path:
    source, home = folder / "pretext", folder / "home"
    _copy(HERE / "pretext", source)
    home.mkdir(exist_ok=True)
    _run([tools / "bin" / "python", "-c", "from pretext.resources import install; install()"], source, home)
    for cache in home.glob(".ptx/*/rs_cache"):
        shutil.copyfile(cache / CACHED[0], cache / CACHED[1])
    _run([tools / "bin" / "pretext", "build", "web"], source, home)
    return source / "output" / "web"


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    for path in target.rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace("https://gateway.example", WRITTEN.decode()), encoding="utf-8")


def _run(command: list[Path | str], folder: Path, home: Path | None = None) -> None:
    """With no Node in sight: PreTeXt would fetch packages to make a style sheet that it has ready."""
    env = {"PATH": os.defpath, "HOME": str(home or folder), "LANG": "C.UTF-8"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode()
