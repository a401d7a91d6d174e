"""What `npm run bench:cuda:prepare` wrote, and the options that all scripts have. Needs the standard library alone."""

import argparse
import json
import os
import pathlib
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent


class Prepared:
    """The folder with the manifest, and what is read from it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        path = self.folder / "manifest.json"
        if not path.exists():
            raise SystemExit(f"{path} is missing: run `npm run bench:cuda:prepare` where Node.js is, and carry the folder along")
        self.manifest = json.loads(path.read_text())
        if self.manifest["version"] != 1:
            raise SystemExit(f"{path} has version {self.manifest['version']}; these scripts read version 1")

    def operators(self, only):
        return [each for each in self.manifest["verify"] if not only or each["name"] in only]

    def rows(self, part, only, quick):
        rows = [row for row in self.manifest["timed"]["rows"] if row["part"] in part]
        rows = [row for row in rows if not only or any(text in row["label"] for text in only)]
        return [row for row in rows if not quick or row["length"] <= 16384]

    def kernels_of(self, stem):
        builds = self.manifest["timed"]["builds"]
        return next(build["kernels"] for build in builds if build["stem"] == stem)


def runs_on(kernel, architecture):
    """Whether a device of this compute capability, times ten, can run a kernel: the rule of the launch function."""
    return kernel["architecture"] == architecture if kernel["architectureOnly"] else kernel["architecture"] <= architecture


def first_that_runs(kernels, architecture):
    return next((kernel for kernel in kernels if runs_on(kernel, architecture)), None)


def options(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--built", default=str(HERE / "built"), help="the prepared folder")
    parser.add_argument("--out", default=str(HERE / "built" / "results"), help="where results go")
    parser.add_argument("--only", action="append", default=[], help="operators by name, or rows by a part of their label; can be repeated")
    parser.add_argument("--quick", action="store_true", help="few and small: does everything run?")
    parser.add_argument("--budget-s", type=float, default=540.0, help="seconds after which no further work is begun")
    parser.add_argument("--seed", type=int, default=None, help="of the random numbers; a fresh one by default")
    parser.add_argument("--resume", action="store_true", help="go on behind the results that an earlier run left in --out")
    parser.add_argument("--architecture", type=int, default=None, help="for --dry-run: the compute capability times ten to plan for")
    parser.add_argument("--dry-run", action="store_true", help="print the plan; needs neither PyTorch nor a GPU")
    return parser


class Budget:
    """Seconds that a script may take, from its start."""

    def __init__(self, seconds):
        self.start = time.monotonic()
        self.seconds = seconds

    def used(self):
        return time.monotonic() - self.start

    def left(self):
        return self.seconds - self.used()


# The exit code of a script whose device hung or broke: a new process may go on with --resume.
BROKEN = 4


class Watchdog:
    """Ends the process when one piece of work takes longer than any should: a kernel that waits for ever cannot be called back."""

    def __init__(self, seconds, on_hang):
        self.timer = threading.Timer(seconds, self.end)
        self.timer.daemon = True
        self.on_hang = on_hang

    def end(self):
        self.on_hang()
        os._exit(BROKEN)

    def __enter__(self):
        self.timer.start()

    def __exit__(self, *_):
        self.timer.cancel()


def read_json(folder, name):
    path = pathlib.Path(folder) / name
    return json.loads(path.read_text()) if path.exists() else None


def write_json(folder, name, value):
    """Writes a file in one step, so that a stopped script leaves whole ones. JSON has no infinities: they are texts."""
    os.makedirs(folder, exist_ok=True)
    path = pathlib.Path(folder) / name
    waiting = path.with_suffix(".part")
    waiting.write_text(json.dumps(finite(value), indent=1) + "\n")
    os.replace(waiting, path)
    return path


def finite(value):
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(each) for each in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    return value
