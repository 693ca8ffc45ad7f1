"""What the daemon looks at: a paste site, a feed, a drop folder and a git repository that never stand still."""

import os
import random
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "shared"))
import pieces  # noqa: E402

PAGE = 50
SOURCES = ("pastes", "blog", "drop", "fork")
FUNCTIONS = 8
LEAKED = slice(2, 5)


def functions_of(number):
    """One file of the corpus, function by function."""
    return pieces.program(f"corpus {number}", FUNCTIONS).strip().split("\n\n")


def leak(number):
    """What leaks of a file: functions from its middle, so that no two leaks share anything."""
    return "\n\n".join(functions_of(number)[LEAKED])


class World:
    """Publishes items, each once and for good; every so often one is a leak of a file of its own."""

    def __init__(self, folder, seed, leaks):
        self.rng = random.Random(f"world {seed}")
        self.seed = seed
        self.leaks = leaks
        self.planted = {}
        self.bodies = {}
        self.listed = {"pastes": [], "blog": []}
        self.count = 0
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.posts = {}
        self.drop = os.path.join(folder, "drop")
        self.repository = os.path.join(folder, "fork")
        os.makedirs(self.drop)
        self.git("init", "--quiet", "--initial-branch=main", self.repository)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def git(self, *arguments):
        isolated = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
        who = {f"GIT_{role}_{part}": "x@example.com" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
        subprocess.run(["git", *arguments], check=True, env={**os.environ, **isolated, **who})

    def publish(self):
        """One item more."""
        number, source = self.count, self.rng.choice(SOURCES)
        self.count += 1
        name = f"item-{number:06}"
        is_leak = self.rng.random() < 0.1 and len(self.planted) < self.leaks
        leaked = len(self.planted) if is_leak else None
        text = pieces.paste(f"{self.seed} {number}", None if leaked is None else leak(leaked))
        getattr(self, f"publish_{'listed' if source in self.listed else source}")(source, name, text)
        if leaked is not None:
            self.planted[name] = leaked

    def publish_listed(self, source, name, text):
        with self.lock:
            self.bodies[name] = text
            self.listed[source].append(name)

    def publish_drop(self, _source, name, text):
        draft = os.path.join(self.drop, f".{name}.part")
        with open(draft, "w") as file:
            file.write(text)
        os.rename(draft, os.path.join(self.drop, f"{name}.py"))

    def publish_fork(self, _source, name, text):
        with open(os.path.join(self.repository, f"{name}.py"), "w") as file:
            file.write(text)
        self.git("-C", self.repository, "add", f"{name}.py")
        self.git("-C", self.repository, "commit", "--quiet", "-m", name)

    def live(self, every):
        """Publishes until told that it is over."""
        while not self.over.wait(every):
            self.publish()

    def listing(self, page):
        with self.lock:
            newest_first = self.listed["pastes"][::-1]
        rows = newest_first[page * PAGE : (page + 1) * PAGE]
        html = "".join(f'<li><a href="/p/{name}">{name}</a></li>' for name in rows)
        more = (page + 1) * PAGE < len(newest_first)
        link = f'<a class="next" href="/list?page={page + 1}">older</a>' if more else ""
        return f"<ul>{html}</ul>{link}"

    def feed(self):
        with self.lock:
            newest_first = self.listed["blog"][::-1]
        entries = "".join(
            f"<item><guid>{name}</guid><title>{name}</title><link>{self.address}/p/{name}</link></item>"
            for name in newest_first
        )
        return f'<rss version="2.0"><channel><title>t</title>{entries}</channel></rss>'


def handler(world):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            path, _, query = self.path.partition("?")
            if path == "/list":
                self.answer("text/html", world.listing(int(query.partition("=")[2] or 0)))
            elif path == "/feed":
                self.answer("application/rss+xml", world.feed())
            elif path.startswith("/p/") and path[3:] in world.bodies:
                self.answer("text/plain", world.bodies[path[3:]])
            else:
                self.answer("text/plain", "no", 404)

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            key = self.headers["Idempotency-Key"]
            with world.lock:
                world.posts.setdefault(key, []).append(body)
            # Slow enough for a kill to come between the message and the record of it.
            time.sleep(0.02)
            self.answer("text/plain", "ok")

        def answer(self, kind, text, status=200):
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

        def handle(self):
            try:
                super().handle()
            except (ConnectionError, TimeoutError):
                pass

    return Handler
