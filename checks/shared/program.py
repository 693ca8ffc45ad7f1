"""The program under test, as a person would call it."""

import json
import os
import subprocess
import time


class Program:
    """Commands of one configuration, each a process of its own."""

    def __init__(self, binary, folder):
        self.binary = os.path.abspath(binary)
        self.folder = folder
        self.config = os.path.join(folder, "leakwarden.toml")
        self.log = open(os.path.join(folder, "daemon.log"), "ab")

    def command(self, *arguments):
        return [self.binary, "--config", self.config, *arguments]

    def start(self, *arguments):
        """A process that is left running, its output in the log."""
        return subprocess.Popen(self.command(*arguments), stdout=self.log, stderr=self.log)

    def run(self, *arguments, codes=(0,)):
        done = subprocess.run(
            self.command("--quiet", *arguments), capture_output=True, text=True, timeout=300, check=False
        )
        if done.returncode not in codes:
            raise AssertionError(f"{arguments} ended with {done.returncode}: {done.stderr}{done.stdout}")
        return done.stdout

    def json(self, *arguments, codes=(0,)):
        return json.loads(self.run(*arguments, "--json", codes=codes))

    def log_tail(self, lines=40):
        self.log.flush()
        with open(self.log.name, errors="replace") as log:
            return "".join(log.readlines()[-lines:])


def wait_for(what, seconds, ready, every=0.5):
    """Waits until `ready` gives something true; says what was waited for if it never does."""
    deadline = time.monotonic() + seconds
    while True:
        outcome = ready()
        if outcome:
            return outcome
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds} seconds")
        time.sleep(every)
