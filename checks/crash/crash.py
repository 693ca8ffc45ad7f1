"""Kills the daemon, and the reading of corpora, at random moments; then checks that nothing was lost.

What must hold afterwards: each planted leak has exactly one finding, every incident was told under one key on every route,
the stores and the index open whatever state the cache was in, the evidence is whole and the chain of custody unbroken.
"""

import argparse
import email
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "shared"))
from program import Program, wait_for  # noqa: E402
from world import World, functions_of  # noqa: E402
import pieces  # noqa: E402

LEAKS = 150
ROUTES = ("folder", "hook")


def check(holds, what):
    if not holds:
        raise AssertionError(what)


def configure(folder, world):
    with open(os.path.join(folder, "leakwarden.toml"), "w") as file:
        file.write(f"""
data_dir = "data"
[http]
allow = ["127.0.0.1/32"]
pace = "0ms"
[log]
level = "warn"
[daemon]
grace = "20s"
[route.folder]
audience = "security"
group_wait = "500ms"
[route.folder.to.folder]
path = "mails"
[route.hook]
audience = "security"
group_wait = "500ms"
[route.hook.to.webhook]
url = "{world.address}/hook"
secret = {{ file = "hook.secret" }}
""")
    with open(os.path.join(folder, "hook.secret"), "w") as file:
        file.write("a secret of the check, long enough\n")
    os.makedirs(os.path.join(folder, "watchlists"))
    with open(os.path.join(folder, "watchlists", "sources.toml"), "w") as file:
        file.write(f"""
[defaults]
schedule = "* * * * * *"
jitter = "0s"
[source.pastes.from.page]
url = "{world.address}/list"
item = "li"
next = "a.next"
max_pages = 200
may_be_empty = true
[source.blog.from.feed]
url = "{world.address}/feed"
[source.drop.from.directory]
path = "{world.drop}"
settle = "100ms"
[source.fork.from.git]
url = "{world.repository}"
""")


def write_corpus(folder, files, of):
    os.makedirs(folder, exist_ok=True)
    for number in range(files):
        with open(os.path.join(folder, f"{number:04}.py"), "w") as file:
            file.write(of(number))


def damage(cache, rng):
    """Leaves the cache as a crash, a full disk or a careless person might; tells how."""
    files = [os.path.join(at, name) for at, _, names in os.walk(cache) for name in names]
    how = rng.choice(["cut", "garbage", "flipped", "emptied", "torn snapshot", "removed", "one file removed"])
    if how == "removed" or not files:
        shutil.rmtree(cache, ignore_errors=True)
        return "removed"
    file = rng.choice(sorted(files))
    size = os.path.getsize(file)
    if how == "cut":
        os.truncate(file, rng.randrange(size + 1))
    elif how == "garbage":
        with open(file, "wb") as out:
            out.write(rng.randbytes(rng.randrange(1, 100_000)))
    elif how == "flipped" and size:
        with open(file, "r+b") as out:
            out.seek(rng.randrange(size))
            out.write(rng.randbytes(64))
    elif how == "emptied":
        os.truncate(file, 0)
    elif how == "torn snapshot":
        with open(os.path.join(cache, f"snap.{rng.randrange(1 << 40):016X}.generating"), "wb") as out:
            out.write(rng.randbytes(rng.randrange(5_000)))
    elif how == "one file removed":
        os.remove(file)
    return f"{how}: {os.path.relpath(file, cache)}"


def kill_under_load(program, world, rng, kills, budget):
    """Starts and kills the daemon until it was killed so many times, or the time is over."""
    cache = os.path.join(program.folder, "data", "cache")
    deadline = time.monotonic() + budget
    damages = 0
    for turn in range(kills):
        check(time.monotonic() < deadline, f"only {turn} kills within {budget} seconds: this machine is too slow")
        daemon = program.start("run")
        # Often while it opens its stores, mostly while it works.
        time.sleep(rng.uniform(0, 0.15) if rng.random() < 0.3 else rng.uniform(0.15, 1.8))
        code = daemon.poll()
        check(code is None, f"the daemon ended by itself with {code} before kill {turn}")
        daemon.send_signal(signal.SIGKILL)
        daemon.wait()
        if rng.random() < 0.25 and os.path.isdir(cache):
            damages += 1
            print(f"  kill {turn}: cache {damage(cache, rng)}", flush=True)
        if rng.random() < 0.2:
            time.sleep(rng.uniform(0, 0.3))
    return damages


def findings(program):
    """Every finding of every incident, by the planted item it is about."""
    found, details = {}, []
    for incident in program.json("incident", "list", "--limit", "100000")["incidents"]:
        detail = program.json("incident", "show", incident["id"])
        details.append(detail)
        for finding in detail["findings"]:
            place = finding["finding"]["place"]
            found.setdefault("item-" + place.partition("item-")[2][:6], []).append((finding["source"], place))
    return found, details


def settled(program, world):
    """Whether all sources had a pass since everything was published, and nothing waits to be told."""
    known = program.json("incident", "list", "--limit", "100000")["incidents"]
    return len(known) >= len(world.planted)


def check_outcome(program, world):
    found, details = findings(program)
    lost = sorted(set(world.planted) - set(found))
    check(not lost, f"{len(lost)} of {len(world.planted)} planted leaks were not found: {lost[:10]}")
    invented = sorted(set(found) - set(world.planted))
    check(not invented, f"found where nothing was planted: {invented[:10]}")
    twice = {item: places for item, places in found.items() if len(places) != 1}
    check(not twice, f"not exactly one finding each: {list(twice.items())[:5]}")
    check(len(details) == len(world.planted), f"{len(details)} incidents of {len(world.planted)} leaks")
    for detail in details:
        for finding in detail["findings"]:
            check(finding["evidence"], f"{finding['id']} has no evidence")
    check_notices(program, world, details)
    verification = program.json("evidence", "verify")
    check(verification["broken"] is None and not verification["damaged"], f"evidence: {verification}")
    print(f"  evidence: {verification['intact']} pieces, chain of custody: {verification['lines']} lines", flush=True)
    sources = program.json("source", "list")["sources"]
    for source in sources:
        check(source["status"]["set_aside"] == 0, f"items set aside: {source}")
        check(source["status"]["missed"] == 0, f"items missed: {source}")


def check_notices(program, world, details):
    mails = {}
    folder = os.path.join(program.folder, "mails")
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            mail = email.message_from_binary_file(file)
        mails.setdefault(mail["Message-ID"], []).append(name)
    check(all(len(names) == 1 for names in mails.values()), "one mail lies in the folder twice")
    told = " ".join(mails) + " " + " ".join(world.posts)
    for detail in details:
        by_route = {}
        for delivery in detail["deliveries"]:
            check("delivered" in delivery["state"], f"not delivered: {delivery}")
            by_route.setdefault(delivery["route"], []).append(delivery["id"])
        name = detail["id"] if "id" in detail else detail["incident"]["id"]
        for route in ROUTES:
            ids = by_route.get(route, [])
            check(len(ids) == 1, f"{name} was told by {ids} on the route {route}")
            check(f"{ids[0]}." in told, f"the message {ids[0]} about {name} did not arrive")
    repeated = sum(len(bodies) > 1 for bodies in world.posts.values())
    print(f"  notices: {len(mails)} mails, {len(world.posts)} posts, of which {repeated} arrived more than once", flush=True)


def crash_daemon(binary, folder, seed, kills, budget):
    rng = random.Random(f"kills {seed}")
    world = World(folder, seed, LEAKS)
    configure(folder, world)
    program = Program(binary, folder)
    corpus = os.path.join(folder, "corpus")
    write_corpus(corpus, LEAKS, lambda number: "\n\n".join(functions_of(number)))
    program.run("corpus", "add", "billing", corpus)
    publisher = threading.Thread(target=world.live, args=(0.1,), daemon=True)
    publisher.start()
    started = time.monotonic()
    daemon = None
    try:
        damages = kill_under_load(program, world, rng, kills, budget)
        world.over.set()
        publisher.join()
        print(
            f"  {kills} kills and {damages} damaged caches in {time.monotonic() - started:.0f} s; "
            f"{world.count} items, {len(world.planted)} leaks planted",
            flush=True,
        )
        started = time.monotonic()
        daemon = program.start("run")
        wait_for("one incident for each leak", 120, lambda: daemon.poll() is not None or settled(program, world))
        # Twice around: a second finding, or a second message, would come now.
        program.run("scan", codes=(0, 1))
        time.sleep(2)
        print(f"  quiet after {time.monotonic() - started:.0f} s", flush=True)
        check_outcome(program, world)
        daemon.terminate()
        check(daemon.wait(30) == 0, "the daemon did not end well after SIGTERM")
        # The same from the files alone.
        check_outcome(program, world)
    except BaseException:
        print(program.log_tail(), file=sys.stderr)
        raise
    finally:
        if daemon is not None and daemon.poll() is None:
            daemon.kill()


def crash_reading(binary, folder, seed, reads):
    """Kills `corpus add` and `corpus refresh` at random moments; the index is old or new, and work is resumed."""
    rng = random.Random(f"reads {seed}")
    program = Program(binary, folder)
    with open(program.config, "w") as file:
        file.write('data_dir = "data"\n')
    corpus = os.path.join(folder, "corpus")
    files, step, generation = 300, 20, 0
    write_corpus(corpus, files, lambda number: pieces.program(f"read {seed} {number}", 120))
    began = time.monotonic()
    program.run("corpus", "add", "whole", corpus)
    whole = time.monotonic() - began
    program.run("corpus", "remove", "whole")
    known = False
    for turn in range(reads):
        reading = program.start("corpus", "refresh", "billing") if known else program.start("corpus", "add", "billing", corpus)
        time.sleep(rng.uniform(0, whole * 1.1))
        reading.kill()
        reading.wait()
        corpora = program.json("corpus", "list")
        mine = [entry for entry in corpora["corpora"] if entry["name"] == "billing"]
        known = bool(mine)
        check(corpora["generation"] >= generation, f"the generation went back: {corpora}")
        generation = corpora["generation"]
        # Something changes for the next one.
        write_corpus(corpus, step, lambda number: pieces.program(f"read {seed} {number} {turn}", 120))
    arguments = ("corpus", "refresh", "billing") if known else ("corpus", "add", "billing", corpus)
    program.run(*arguments)
    for number in (0, step, files - 1):
        verdict = program.json("check", os.path.join(corpus, f"{number:04}.py"), codes=(0, 1, 3))
        check(verdict["documents"][0]["verdict"] == "leak", f"file {number} is not known: {verdict}")
    print(f"  {reads} readings killed (a whole one takes {whole:.1f} s); the index is whole", flush=True)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("binary")
    arguments.add_argument("--seed", default=str(random.randrange(1 << 32)))
    arguments.add_argument("--kills", type=int, default=200)
    arguments.add_argument("--reads", type=int, default=20)
    arguments.add_argument("--budget", type=int, default=330, help="seconds for all kills")
    given = arguments.parse_args()
    print(f"crash: seed {given.seed}", flush=True)
    folder = tempfile.mkdtemp(prefix="leakwarden-crash-")
    try:
        if given.kills:
            os.makedirs(os.path.join(folder, "daemon"))
            crash_daemon(given.binary, os.path.join(folder, "daemon"), given.seed, given.kills, given.budget)
        if given.reads:
            os.makedirs(os.path.join(folder, "reads"))
            crash_reading(given.binary, os.path.join(folder, "reads"), given.seed, given.reads)
    except AssertionError as failed:
        sys.exit(f"crash: FAILED with seed {given.seed}: {failed}\nwhat is left is in {folder}")
    shutil.rmtree(folder)
    print("crash: nothing was lost")


if __name__ == "__main__":
    main()
