#!/usr/bin/env bash
# Whether every notice of a running daemon arrives or is a visible dead letter, against a mail server that this project
# did not write (aiosmtpd) and that is down, slow, rude or gone in the middle:
#   run.sh BINARY
# Everything happens on loopback and in a folder that is removed. Ends with 0 if all is as it should be.
# shellcheck source=../kit.sh
. "$(dirname "$0")/../kit.sh"

port=$(free_port)
mkdir -p "$folder/mails" "$home/drop"
mail_server() {
    serve mail "$python" "$here/../smtp/server.py" "$folder" --plain "$port"
    up mail "$port"
}
mode() {
    echo "$1" >"$folder/mode"
}

cat >"$home/leakwarden.toml" <<TOML
[route.security]
audience = "security"
severity = "low"
group_wait = "2s"
[route.security.to.mail]
server = "127.0.0.1"
port = $port
security = "none"
from = "Leakwarden <alerts@example.com>"
to = ["a@example.com", "b@example.com", "c@example.com"]
timeout = "3s"
TOML
cat >"$home/watchlists/sources.toml" <<'TOML'
[defaults]
schedule = "* * * * * *"
jitter = "0s"
[source.drop.from.directory]
path = "drop"
settle = "0s"
TOML
mkdir "$home/work"
for number in $(seq 1 40); do
    work "$number" >"$home/work/$number.rs"
done
ours corpus add works "$home/work"
prove "the corpus is added" exits 0

# leak NUMBER...: these works turn up in the drop folder.
leak() {
    local number
    for number in "$@"; do
        cp "$home/work/$number.rs" "$home/drop/.$number"
    done
    for number in "$@"; do
        mv "$home/drop/.$number" "$home/drop/$number.rs"
    done
}
# have RECIPIENTS: whom the mails that arrived went to, each as often as it got one.
have() {
    local got
    got=$(cat "$folder"/mails/*.eml 2>/dev/null | sed -n 's/^X-Envelope-To: //p' | tr -d '\r' | tr ',' '\n' |
        sed 's/^ *//; s/@.*//' | sort | tr -d '\n')
    [ "$got" = "$1" ]
}
shown() {
    ours incident show "$1"
    says "$2"
}
begin() {
    rm -f "$folder"/mails/*
    mode "$1"
}
# Nobody gets it a second time: the retries of a message that arrived would come within this time.
nothing_more() {
    sleep 2
    have "$1"
}

mode good
daemon

begin good
leak 1
prove "the server is down: the message waits, and the incident shows it" within 20 shown INC-1 "tried 1 times, again"
prove "the message that waits says why" says "connect"
mail_server
prove "the server is back: everybody has it" within 40 have abc
prove "the incident shows that it was delivered" within 10 shown INC-1 "delivered"

begin "slow 1"
leak 2
prove "a slow server: everybody has it" within 20 have abc
prove "it has it once" nothing_more abc

begin "slow 20"
leak 3
prove "a server that is too slow: the message waits" within 20 shown INC-3 "tried 1 times, again"
begin good
prove "it has become faster: everybody has it" within 40 have abc

begin "refuse b@example.com"
leak 4
prove "one recipient is refused: the others have it" within 20 have ac
prove "what the refused one did not get is a dead letter in the incident" within 10 shown INC-4 "DEAD LETTER"
prove "the dead letter says why" says "550"
prove "the others have it once" nothing_more ac

begin "busy b@example.com"
leak 5
prove "one mailbox is busy: the others have it" within 20 have ac
prove "the message waits for the busy one" within 10 shown INC-5 "tried 1 times, again"
mode good
prove "the busy one has it later, the others not again" within 40 have abc

begin close
leak 6
prove "closed in the middle: the message waits" within 20 shown INC-6 "tried 1 times, again"
mode good
prove "open again: everybody has it" within 40 have abc

begin good
leak $(seq 11 40)
prove "thirty leaks at once: everybody has one mail" within 30 have abc
prove "and no second one" nothing_more abc
ours incident list
incidents=$(grep -c '^INC-' "$folder/out" || true)
prove "thirty more incidents are open" test "$incidents" -eq 36
prove "the one mail is about all thirty" grep -q '^Subject: .*30' "$folder"/mails/*.eml

# A message that waits outlives the daemon.
begin down
leak 7
prove "the server hangs up: the message waits" within 20 shown INC-37 "tried 1 times, again"
kill_daemon
mode good
daemon
prove "after kill -9 of the daemon everybody has it" within 40 have abc

stop_daemon
prove "the daemon ends well" exits 0
finish
