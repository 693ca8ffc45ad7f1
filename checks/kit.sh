# Shared by the checks, which begin with `. "$(dirname "$0")/../kit.sh"`: a folder that is removed at the end, servers
# that are stopped, and one line for each thing that was proven. A check ends with `finish`.
# shellcheck shell=bash disable=SC2034
set -euo pipefail
export LC_ALL=C.UTF-8 NO_COLOR=1
unset LEAKWARDEN_CONFIG LEAKWARDEN_DATA_DIR RUST_LOG
binary=$(realpath "${1:?usage: run.sh BINARY}")
here=$(cd "$(dirname "$0")" && pwd)
# Debian's own, which sees Debian's packages.
python=${PYTHON:-/usr/bin/python3}
folder=$(mktemp -d)
# Servers drop their rights, and must reach their files all the same.
chmod 755 "$folder"
servers=()
failures=0

stop_servers() {
    local pid
    for pid in ${servers[@]+"${servers[@]}"}; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in ${servers[@]+"${servers[@]}"}; do
        wait "$pid" 2>/dev/null || true
    done
    servers=()
}
cleanup() {
    stop_servers
    rm -rf "$folder"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# serve NAME COMMAND...: starts a server; what it says goes to NAME.log. Its process id is $server.
serve() {
    local name=$1
    shift
    "$@" >>"$folder/$name.log" 2>&1 </dev/null &
    server=$!
    servers+=("$server")
}

# free_port: a port on which nobody listens.
free_port() {
    "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

listens() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# within SECONDS COMMAND...: tries until it is true.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

# up NAME PORT: waits for a server that was started.
up() {
    within 15 listens "$2" && return
    echo "the server $1 did not start:" >&2
    cat "$folder/$1.log" >&2
    exit 1
}

ok() {
    echo "ok    $1"
}
wrong() {
    echo "WRONG $1"
    failures=$((failures + 1))
}

# prove SENTENCE COMMAND...: one thing that must be true; shows what was said last if it is not.
prove() {
    local sentence=$1
    shift
    if "$@"; then
        ok "$sentence"
    else
        wrong "$sentence (not true: $*)"
        [ ! -f "$folder/said" ] || head -n 20 "$folder/said" | sed 's/^/      /'
        [ ! -s "$folder/daemon.log" ] || tail -n 5 "$folder/daemon.log" | sed 's/^/      daemon: /'
    fi
}

# ours ARGUMENT...: the program under test, in $folder/home; leaves its exit code in $code and its words in
# $folder/said (what it reports) and $folder/logged.
ours() {
    code=0
    timeout --kill-after=5 120 "$binary" --config "$home/leakwarden.toml" --data-dir "$home/data" "$@" \
        >"$folder/out" 2>"$folder/logged" </dev/null || code=$?
    cat "$folder/out" "$folder/logged" >"$folder/said"
}
home=$folder/home
mkdir -p "$home/watchlists"

exits() {
    [ "$code" -eq "$1" ] || { echo "      exit code $code, not $1" && false; }
}
says() {
    grep -qF -- "$1" "$folder/said"
}
silent() {
    ! says "$1"
}

# daemon: starts the program as a daemon, and waits until commands reach it. Its process id is $daemon.
daemon() {
    : >"$folder/daemon.log"
    serve daemon "$binary" --config "$home/leakwarden.toml" --data-dir "$home/data" run
    daemon=$server
    within 30 test -S "$home/data/socket" && within 10 answers && return
    echo "the daemon did not start:" >&2
    cat "$folder/daemon.log" >&2
    exit 1
}
answers() {
    ours incident list
    [ "$code" -le 1 ]
}
# daemon_ended SECONDS: waits for the daemon to end; its exit code is then in $code.
daemon_ended() {
    within "$1" not_running "$daemon" || return 1
    code=0
    wait "$daemon" 2>/dev/null || code=$?
    cp "$folder/daemon.log" "$folder/said"
}
not_running() {
    # A child that has ended stays until it is waited for.
    [ ! -e "/proc/$1" ] || [ "$(awk '{ print $3 }' "/proc/$1/stat" 2>/dev/null)" = Z ]
}
kill_daemon() {
    disown "$daemon"
    kill -9 "$daemon"
    within 10 test ! -e "/proc/$daemon"
}
stop_daemon() {
    kill "$daemon" 2>/dev/null || true
    daemon_ended 30 || kill -9 "$daemon"
}

# work SEED [LINES]: invented source code that nobody else has, the same for the same seed.
work() {
    "$python" - "$1" "${2:-60}" <<'PYTHON'
import random, sys
draw = random.Random(sys.argv[1])
word = lambda: "".join(draw.choice("bdfgklmnprstvz") + draw.choice("aeiou") for _ in range(draw.randint(2, 4)))
for _ in range(int(sys.argv[2])):
    kind = draw.randrange(3)
    if kind == 0:
        print(f"    let {word()}_{word()} = self.{word()}.{word()}({word()}, {draw.randint(2, 9999)})?;")
    elif kind == 1:
        print(f"    if {word()} > {draw.randint(2, 9999)} {{ return {word()}::{word()}(\"{word()} {word()}\"); }}")
    else:
        print(f"    {word()}.{word()}_{word()}(&{word()}, |{word()}| {word()} + {draw.randint(2, 9999)});")
PYTHON
}

finish() {
    [ "$failures" -eq 0 ] || echo "$failures wrong"
    [ "$failures" -eq 0 ]
}
