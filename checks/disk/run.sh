#!/usr/bin/env bash
# What happens when the data folder is full, read-only or damaged, or the key is missing or wrong: a clear error that says
# what to do, exit code 4, nothing made worse, and everything there again once the cause is gone:
#   run.sh BINARY
# Works in a mount namespace of its own (as root, or where user namespaces are allowed), so nothing stays mounted; where
# neither is possible, the parts that need a full or read-only disk say that they were left out. Ends with 0 if all is as
# it should be.
if [ -z "${OWN_MOUNTS:-}" ]; then
    if unshare --mount --propagation private true 2>/dev/null; then
        OWN_MOUNTS=yes exec unshare --mount --propagation private "$0" "$@"
    elif unshare --map-root-user --mount --propagation private true 2>/dev/null; then
        OWN_MOUNTS=yes exec unshare --map-root-user --mount --propagation private "$0" "$@"
    fi
    OWN_MOUNTS=no
fi
# shellcheck source=../kit.sh
. "$(dirname "$0")/../kit.sh"

data=$home/data
mkdir -p "$home/drop" "$home/work"
cat >"$home/leakwarden.toml" <<'TOML'
[route.folder]
audience = "security"
severity = "low"
group_wait = "1s"
[route.folder.to.folder]
path = "outbox"
TOML
cat >"$home/watchlists/sources.toml" <<'TOML'
[defaults]
schedule = "* * * * * *"
jitter = "0s"
[source.drop.from.directory]
path = "drop"
settle = "0s"
TOML
for number in 1 2 3 4; do
    work "$number" 400 >"$home/work/$number.rs"
done
cp "$home/work/1.rs" "$home/drop/first.rs"
work unrelated >"$home/drop/unrelated.rs"

ours corpus add works "$home/work"
prove "a corpus is added" exits 0
ours scan
prove "a leak is found" exits 1
cp -a "$data" "$folder/sound"

# Every byte that is kept, but for the locks, what is passing, and what matches $apart.
apart='^$'
state() {
    (cd "$data" && find . -type f ! -name lock ! -name cache.lock ! -path './spool/*' ! -path './clones/*' -print0 |
        sort -z | xargs -0 sha256sum | grep -vE "$apart")
}
# Where record and cache are opened and closed on the way, a page or two of them is turned over.
stores_are_opened() {
    apart='record.redb|/cache/'
}
restore() {
    rm -rf "$data"
    cp -a "$folder/sound" "$data"
}
unchanged() {
    [ "$1" = "$(state)" ]
}
# fails_well NAME WORDS ARGUMENT...: the command fails as a matter of storage, says WORDS, and changes nothing.
fails_well() {
    local name=$1 words=$2 before
    shift 2
    before=$(state)
    ours "$@"
    prove "$name: \`$1\` ends with 4" exits 4
    prove "$name: \`$1\` says \`$words\`" says "$words"
    prove "$name: \`$1\` changes nothing" unchanged "$before"
}
all_is_well() {
    ours check "$home/work/2.rs"
    prove "$1: afterwards what is ours is recognised" exits 1
    ours incident show INC-1
    prove "$1: afterwards the incident is there" exits 0
    ours scan
    prove "$1: afterwards nothing is found twice" exits 0
    ours incident list
    prove "$1: afterwards there is one incident" test "$(grep -c '^INC-' "$folder/out")" -eq 1
}

# --- the key

commands=("check $home/work/1.rs" "scan" "incident list" "corpus list" "corpus add more $home/drop" "evidence list" "run")
# with_key NAME WORDS: all commands fail alike.
with_key() {
    local line
    for line in "${commands[@]}"; do
        # shellcheck disable=SC2086
        fails_well "$1" "$2" $line
    done
}
mv "$data/key" "$folder/key"
with_key "missing key" "put the original back"
prove "missing key: no new one is made" test ! -e "$data/key"
cp "$folder/key" "$data/key"
chmod 644 "$data/key"
with_key "key that others can read" "chmod 600"
chmod 600 "$data/key"
head -c 20 "$folder/key" >"$data/key"
with_key "damaged key" "restore it"
tr '0-9a-f' '1-9a-f0' <"$folder/key" >"$data/key"
with_key "wrong key" "another key"
cp "$folder/key" "$data/key"
all_is_well "key"

# --- damage

# harm FILE OFFSET: other bytes from there on, sixteen of them.
harm() {
    "$python" - "$1" "$2" <<'PYTHON'
import sys
with open(sys.argv[1], "r+b") as file:
    file.seek(int(sys.argv[2]))
    old = file.read(16)
    file.seek(int(sys.argv[2]))
    file.write(bytes(255 - byte for byte in old))
PYTHON
}
segment=$(basename "$(find "$data/index" -name '*.segment' | head -n 1)")
harm "$data/index/$segment" 20
fails_well "damaged index segment" "is damaged" check "$home/work/1.rs"
stores_are_opened
fails_well "damaged index segment" "add the corpora again" scan
apart='^$'
restore
harm "$data/index/manifest" 100
fails_well "damaged manifest" "is damaged" check "$home/work/1.rs"
stores_are_opened
fails_well "damaged manifest" "is damaged" run
apart='^$'
rm -rf "$data/index"
ours corpus add works "$home/work"
prove "damaged manifest: what the message says to do works" exits 0
all_is_well "damaged index"
restore
harm "$data/record.redb" 0
fails_well "damaged record" "is damaged" incident list
fails_well "damaged record" "is damaged" scan
fails_well "damaged record" "restore" run
restore
truncate -s 8192 "$data/record.redb"
fails_well "cut record" "is damaged" incident list

# anywhere FILE COMMAND...: wherever a file is damaged, the command fails well or does its job. Never a crash, never a
# wrong answer: its exit code is 4, or what it is with a sound file.
anywhere() {
    local file=$1 size offset sound crashes=0 silent_lies=0 part
    shift
    restore
    ours "$@"
    sound=$code
    size=$(stat -c %s "$data/$file")
    for part in $(seq 0 23); do
        restore
        offset=$((size * part / 24))
        harm "$data/$file" "$offset"
        ours "$@"
        case $code in
        4 | "$sound") ;;
        0 | 1 | 2 | 3)
            silent_lies=$((silent_lies + 1))
            sed 's/^/      /' "$folder/said"
            ;;
        *)
            crashes=$((crashes + 1))
            sed 's/^/      /' "$folder/said"
            ;;
        esac
    done
    prove "\`$1\` with damage anywhere in $file: no crash" test "$crashes" -eq 0
    prove "\`$1\` with damage anywhere in $file: no wrong answer" test "$silent_lies" -eq 0
}
anywhere "index/$segment" check "$home/work/1.rs"
anywhere index/manifest check "$home/work/1.rs"
anywhere record.redb incident list
restore

object=$(cd "$data" && find evidence -type f | head -n 1)
harm "$data/$object" 40
ours evidence verify
prove "damaged evidence: the verification fails" exits 1
prove "damaged evidence: it is said which" says "EV-"
restore
ours evidence verify
prove "sound evidence: the verification succeeds" exits 0

find "$data/cache" -type f | while read -r file; do
    harm "$file" 0
    harm "$file" $(($(stat -c %s "$file") / 2))
done
ours scan
prove "damaged cache: a scan does its job" exits 1
prove "damaged cache: it is rebuilt with a word in the log" says "cache"
all_is_well "damaged cache"

# --- the disk

if [ "$OWN_MOUNTS" = no ]; then
    echo "LEFT OUT: full and read-only disks (needs root, or user namespaces)"
    finish
    exit
fi

restore
mount --bind "$data" "$data"
mount -o remount,ro,bind "$data"
ours check "$home/work/1.rs"
prove "read-only: what is ours is still recognised" exits 1
fails_well "read-only" "read-only" scan
fails_well "read-only" "read-only" incident list
fails_well "read-only" "read-only" corpus add more "$home/drop"
fails_well "read-only" "read-only" run
umount "$data"
all_is_well "read-only"

fill() {
    # Down to the last byte.
    dd if=/dev/zero of="$data/filler" bs=64k >/dev/null 2>&1 || true
    dd if=/dev/zero of="$data/filler.rest" bs=1 >/dev/null 2>&1 || true
}
empty() {
    rm -f "$data/filler" "$data/filler.rest"
}
rm -rf "$data"
mkdir "$data"
mount -t tmpfs -o size=24m,mode=700 tmpfs "$data"
cp -a "$folder/sound/." "$data"
fill
cp "$home/work/2.rs" "$home/drop/second.rs"
mkdir "$folder/more"
for number in $(seq 100 140); do
    work "$number" 300 >"$folder/more/$number.rs"
done
index_before=$(cd "$data/index" && sha256sum -- * | sort)
ours corpus add more "$folder/more"
prove "full disk: \`corpus add\` ends with 4" exits 4
prove "full disk: \`corpus add\` says what to do" says "free some space"
prove "full disk: the index is as it was" test "$index_before" = "$(cd "$data/index" && sha256sum -- * | sort)"
ours scan
prove "full disk: \`scan\` ends with 4" exits 4
prove "full disk: \`scan\` says what to do" says "free some space"
empty
ours corpus add more "$folder/more"
prove "space again: \`corpus add\` does its job" exits 0
ours scan
prove "space again: what lay there meanwhile is found" exits 1
ours incident list
prove "space again: there are two incidents" test "$(grep -c '^INC-' "$folder/out")" -eq 2

daemon
fill
cp "$home/work/3.rs" "$home/drop/third.rs"
prove "the disk fills while the daemon runs: it ends" daemon_ended 60
prove "the disk fills while the daemon runs: with 4" exits 4
prove "the disk fills while the daemon runs: it says what to do" says "free some space"
empty
daemon
three() {
    ours incident list
    test "$(grep -c '^INC-' "$folder/out")" -eq 3
}
prove "space again: the daemon finds what lay there meanwhile" within 20 three
stop_daemon
prove "space again: the daemon ends well" exits 0
ours evidence verify
prove "space again: the evidence is whole" exits 0
umount "$data"
finish
