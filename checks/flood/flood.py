"""Two sources of very many items each, hostile ones among them, in one daemon with bounded memory.

What must hold: private memory stays under the bound, what is too large is cut and kept as evidence, what cannot be read is
counted, and every planted leak among it all is found.
"""

import argparse
import os
import shutil
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "shared"))
from program import Program, wait_for  # noqa: E402
import pieces  # noqa: E402
from paste_site import Site, body, gzip_bomb, nested_bomb, silence, zip_bomb  # noqa: E402

BOUND_MIB = 300
LEAKS = 20


def check(holds, what):
    if not holds:
        raise AssertionError(what)


class Memory(threading.Thread):
    """The most private memory that a process and its children ever had together, in MiB."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid = pid
        self.most = 0.0
        self.over = threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.1):
            kibibytes = sum(private(pid) for pid in family(self.pid))
            self.most = max(self.most, kibibytes / 1024)


def family(pid):
    """A process and all below it."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as children:
            below = [int(child) for child in children.read().split()]
    except OSError:
        return []
    return [pid] + [process for child in below for process in family(child)]


def private(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            fields = dict(line.split(":", 1) for line in status)
        return sum(int(fields.get(name, "0 kB").split()[0]) for name in ("RssAnon", "RssShmem"))
    except OSError:
        return 0


def configure(folder, site, drop):
    with open(os.path.join(folder, "leakwarden.toml"), "w") as file:
        file.write("""
data_dir = "data"
[http]
allow = ["127.0.0.1/32"]
pace_by_host = { "127.0.0.1" = "0ms" }
stall = "3s"
total = "15s"
[log]
level = "info"
""")
    os.makedirs(os.path.join(folder, "watchlists"))
    with open(os.path.join(folder, "watchlists", "sources.toml"), "w") as file:
        file.write(f"""
[defaults]
schedule = "0 0 29 2 *"
jitter = "0s"
[source.pastes.from.page]
url = "{site.address}/list"
item = "li"
next = "a.next"
max_pages = 1000
[source.drop.from.directory]
path = "{drop}"
settle = "0s"
""")


def leak(number):
    return "\n\n".join(pieces.program(f"corpus {number}", 8).strip().split("\n\n")[2:5])


def write_corpus(folder):
    os.makedirs(folder)
    for number in range(2 * LEAKS + 2):
        with open(os.path.join(folder, f"{number:04}.py"), "w") as file:
            file.write(pieces.program(f"corpus {number}", 8))


def hostile_pastes(site):
    """Hostile items at places spread over the site; tells which are cut, which stay silent, and which hold a leak."""
    spread = site.items // 40
    hidden = leak(2 * LEAKS).encode() + b"\n"
    odd = [
        ("cut", site.stream(2048, leak=hidden)),
        ("cut", site.stream(None)),
        ("cut", site.stream(None)),
        ("cut", site.stream(None, wait=0.5, piece=100)),
        ("cut", site.stream(None, wait=0.5, piece=100)),
        ("silent", silence),
        ("silent", silence),
        ("cut", body(gzip_bomb(1024), "text/plain", "gzip")),
        ("bomb", body(gzip_bomb(1024))),
        ("bomb", body(zip_bomb(64, 10))),
        ("bomb", body(nested_bomb(8))),
    ]
    kinds = {}
    for place, (kind, answer) in enumerate(odd):
        number = place * spread + 7
        site.odd[number] = answer
        kinds.setdefault(kind, []).append(number)
    return kinds


def fill_drop(drop, items):
    """So many files in folders of a thousand; one of 2 GB; bombs. Tells where leaks are."""
    planted = set()
    every = items // (LEAKS + 1)
    pool = pieces.Pool("drop")
    for number in range(items):
        folder = os.path.join(drop, f"{number // 1000:03}")
        if number % 1000 == 0:
            os.makedirs(folder)
        name = f"drop-{number:06}.txt"
        which = number // every - 1
        text = None
        if number % every == 0 and 0 <= which < LEAKS:
            text = leak(LEAKS + which)
            planted.add(name)
        with open(os.path.join(folder, name), "w") as file:
            file.write(pool.paste(number, text))
    with open(os.path.join(drop, "enormous.txt"), "wb") as file:
        file.write(leak(2 * LEAKS + 1).encode() + b"\n" + pieces.program("enormous", 20_000).encode())
        file.truncate(2 << 30)
    planted.add("enormous.txt")
    for name, data in (("bomb.gz", gzip_bomb(1024)), ("bomb.zip", zip_bomb(64, 10)), ("bomb.tar.gz.gz", nested_bomb(3))):
        with open(os.path.join(drop, name), "wb") as file:
            file.write(data)
    return planted


def status(program):
    return {source["source"]: source["status"] for source in program.json("source", "list")["sources"]}


def check_outcome(program, site, kinds, planted):
    places = set()
    for incident in program.json("incident", "list", "--limit", "100000")["incidents"]:
        for finding in program.json("incident", "show", incident["id"])["findings"]:
            places.add(finding["finding"]["place"].rpartition("/")[2])
    lost, invented = sorted(planted - places), sorted(places - planted)
    check(not lost, f"{len(lost)} planted leaks were not found: {lost}")
    check(not invented, f"found where nothing was planted: {invented}")
    evidence = program.json("evidence", "list")["evidence"]
    cut = [row for row in evidence if row["warning"]]
    # Those with a leak in the part that was read are findings with a warning, and count there.
    check(len(cut) == len(kinds["cut"]) - 1, f"{len(cut)} cut documents kept, not {len(kinds['cut']) - 1}: {cut}")
    verification = program.json("evidence", "verify")
    check(verification["broken"] is None and not verification["damaged"], f"evidence: {verification}")
    sources = status(program)
    pastes = sources["pastes"]
    silent = len(kinds["silent"])
    check(pastes["looked_at"] == site.items - silent, f"pastes: {pastes}")
    check(pastes["missed"] == silent, f"the silent ones should wait for another attempt: {pastes}")
    for name, source in sources.items():
        check(source["unreadable"] > 0, f"bombs are not clean: {name}: {source}")
        check(source["set_aside"] == 0 and not source["gaps"], f"{name}: {source}")
    print(f"flood: {len(places)} leaks found, {len(cut)} documents cut and kept, unreadable: "
          f"{ {name: source['unreadable'] for name, source in sources.items()} }", flush=True)


def flood(binary, folder, items):
    site = Site(items, [leak(number) for number in range(LEAKS)])
    kinds = hostile_pastes(site)
    planted = {f"item-{number:06}" for number in site.planted} | {f"item-{kinds['cut'][0]:06}"}
    drop = os.path.join(folder, "drop")
    os.makedirs(drop)
    planted |= fill_drop(drop, items)
    configure(folder, site, drop)
    write_corpus(os.path.join(folder, "corpus"))
    program = Program(binary, folder)
    program.run("corpus", "add", "billing", os.path.join(folder, "corpus"))
    started = time.monotonic()
    daemon = program.start("run")
    try:
        memory = Memory(daemon.pid)
        ended = {}

        def complete():
            check(daemon.poll() is None, f"the daemon ended with {daemon.returncode}")
            for name, source in status(program).items():
                if source["last_success"] and name not in ended:
                    ended[name] = time.monotonic() - started
                    print(f"flood: {name}: {source['looked_at']} items in {ended[name]:.0f} s, "
                          f"{source['looked_at'] / ended[name]:.0f} a second; at most {memory.most:.0f} MiB so far", flush=True)
            return len(ended) == 2

        wait_for("a complete pass over both sources", 900, complete, every=1)
        check_outcome(program, site, kinds, planted)
        print(f"flood: at most {memory.most:.0f} MiB of private memory", flush=True)
        check(memory.most < BOUND_MIB, f"private memory went to {memory.most:.0f} MiB")
        daemon.terminate()
        check(daemon.wait(40) == 0, "the daemon did not end well after SIGTERM")
    except BaseException:
        print(program.log_tail(), file=sys.stderr)
        raise
    finally:
        if daemon.poll() is None:
            daemon.kill()


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("binary")
    arguments.add_argument("--items", type=int, default=50_000, help="in each of the two sources")
    given = arguments.parse_args()
    folder = tempfile.mkdtemp(prefix="leakwarden-flood-")
    try:
        flood(given.binary, folder, given.items)
    except AssertionError as failed:
        sys.exit(f"flood: FAILED: {failed}\nwhat is left is in {folder}")
    shutil.rmtree(folder)
    print("flood: all is as it should be")


if __name__ == "__main__":
    main()
