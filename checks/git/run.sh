#!/usr/bin/env bash
# Whether a leak in the history of a git repository is found, and what was seen is not fetched again, over the servers
# that people use: git's own http-backend behind lighttpd, and sshd:
#   run.sh BINARY
# Everything happens on loopback and in a folder that is removed. Ends with 0 if all is as it should be.
# shellcheck source=../kit.sh
. "$(dirname "$0")/../kit.sh"

export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=checker GIT_AUTHOR_EMAIL=checker@example.com
export GIT_COMMITTER_NAME=checker GIT_COMMITTER_EMAIL=checker@example.com
repositories=$folder/repositories
mkdir -p "$repositories" "$folder/empty" "$home/work"

# keep PATH SEED: a file of this content is committed in the work tree.
keep() {
    mkdir -p "$(dirname "$tree/$1")"
    work "$2" >"$tree/$1"
    git -C "$tree" add "$1"
    git -C "$tree" commit -q -m "Change $1"
}
# repository NAME: unrelated work on `main`, and one of our works in an old commit of a side branch only.
repository() {
    tree=$folder/tree-$1
    git init -q -b main "$tree"
    for number in 1 2 3; do
        keep "src/part_$number.rs" "unrelated-$number"
    done
    git -C "$tree" switch -q -c spike
    keep lib/tool.rs stolen
    leaking=$(git -C "$tree" rev-parse HEAD)
    git -C "$tree" rm -q lib/tool.rs
    git -C "$tree" commit -q -m "Tidy up"
    keep src/part_4.rs unrelated-4
    git -C "$tree" switch -q main
    keep src/part_5.rs unrelated-5
    git clone -q --mirror "$tree" "$repositories/$1.git"
    git -C "$tree" remote add origin "$repositories/$1.git"
}
# fetches NAME: how often the server of this name was asked for objects, by its own record of what was asked.
fetches() {
    touch "$folder/packets-$1"
    grep -cE 'upload-pack< (command=fetch|want )' "$folder/packets-$1" || true
}
incidents() {
    ours incident list
    grep -c '^INC-' "$folder/out" || true
}
shows() {
    ours incident show "$1"
    says "$2"
}

for name in stolen stolen-later; do
    work "$name" >"$home/work/$name.rs"
done

web=$(free_port)
cat >"$folder/lighttpd.conf" <<CONF
server.modules = ("mod_alias", "mod_setenv", "mod_cgi", "mod_accesslog")
server.document-root = "$folder/empty"
server.bind = "127.0.0.1"
server.port = $web
accesslog.filename = "$folder/access.log"
accesslog.format = "%m %U %s %O"
alias.url = ("/git" => "$(git --exec-path)/git-http-backend")
\$HTTP["url"] =~ "^/git/" {
    cgi.assign = ("" => "")
    setenv.add-environment = (
        "GIT_PROJECT_ROOT" => "$repositories",
        "GIT_HTTP_EXPORT_ALL" => "1",
        "GIT_TRACE_PACKET" => "$folder/packets-web",
        "PATH" => "$PATH"
    )
}
CONF
shell=$(free_port)
mkdir -m 700 "$folder/ssh"
ssh-keygen -q -t ed25519 -N '' -f "$folder/ssh/host" </dev/null
ssh-keygen -q -t ed25519 -N '' -f "$folder/ssh/other-host" </dev/null
ssh-keygen -q -t ed25519 -N '' -f "$folder/ssh/user" </dev/null
cat >"$folder/ssh/config" <<CONF
ListenAddress 127.0.0.1
Port $shell
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
AuthorizedKeysFile $folder/ssh/user.pub
SetEnv PATH=$PATH GIT_TRACE_PACKET=$folder/packets-ssh
CONF
# A server that is started by root wants this folder, wherever else its files are.
[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd

shell_server() {
    serve sshd "$(PATH=$PATH:/usr/sbin command -v sshd)" -D -e -f "$folder/ssh/config" -h "$folder/ssh/$1"
    shell_server=$server
    up sshd "$shell"
}

configure() {
    cat >"$home/leakwarden.toml" <<TOML
[http]
allow = [$1]
pace = "0s"
attempts = 1
TOML
}
cat >"$home/watchlists/sources.toml" <<TOML
[source.web.from.git]
url = "http://127.0.0.1:$web/git/web.git"
[source.ssh.from.git]
url = "ssh://$(id -un)@127.0.0.1:$shell$repositories/ssh.git"
ssh_key = "$folder/ssh/user"
TOML

configure '"127.0.0.1/32"'
ours corpus add works "$home/work"
prove "the corpus is added" exits 0
lighttpd=$(PATH=$PATH:/usr/sbin command -v lighttpd)
serve lighttpd "$lighttpd" -D -f "$folder/lighttpd.conf"
web_server=$server
up lighttpd "$web"
shell_server host

# whole_job NAME PLACE: everything about one way to a repository.
whole_job() {
    local name=$1 before
    repository "$name"
    configure ''
    ours scan "$name"
    prove "$name: an address on this machine is refused unless it is allowed" exits 3
    prove "$name: the server was not asked" test ! -s "$folder/packets-$name"
    configure '"127.0.0.1/32"'

    ours scan "$name"
    prove "$name: the leak in an old commit of a side branch is found" exits 1
    prove "$name: the incident names the commit" shows INC-1 "$leaking"
    prove "$name: the incident names the path" shows INC-1 "lib/tool.rs"
    prove "$name: nothing else is taken for ours" test "$(incidents)" -eq 1
    before=$(fetches "$name")
    prove "$name: the objects were fetched once" test "$before" -ge 1

    ours scan "$name"
    prove "$name: a second look finds nothing new" exits 0
    prove "$name: and fetches nothing" test "$(fetches "$name")" -eq "$before"

    git -C "$tree" switch -q -c later
    keep doc/notes.rs unrelated-6
    keep "src/later-$name.rs" stolen-later
    git -C "$tree" push -q origin later
    ours scan "$name"
    prove "$name: what was pushed since is found" exits 1
    prove "$name: and only that" test "$(incidents)" -eq 2
    prove "$name: in its place" shows INC-2 "src/later-$name.rs"
    prove "$name: it was fetched" test "$(fetches "$name")" -gt "$before"
}

whole_job web
stop_and_count() {
    # The server writes its log with a delay, and all of it when it ends.
    kill "$web_server"
    wait "$web_server" 2>/dev/null || true
    asked=$(grep -c 'git/web.git' "$folder/access.log" || true)
    serve lighttpd "$lighttpd" -D -f "$folder/lighttpd.conf"
    web_server=$server
    up lighttpd "$web"
}
stop_and_count
before=$asked
ours scan web
prove "web: a further look finds nothing new" exits 0
stop_and_count
prove "web: and costs at most two requests, for the list of refs" test $((asked - before)) -le 2
rm -rf "$home/data/mirrors" "$home/data/cache"
ours scan web
prove "web: without mirror and cache the next look works again" exits 0
prove "web: and makes no new incident" test "$(incidents)" -eq 2

# The same over ssh, beginning with nothing known.
rm -rf "$home/data"
ours corpus add works "$home/work"
prove "the corpus is added again" exits 0
whole_job ssh
prove "ssh: only what git asks for was run" test "$(grep -c 'Accepted publickey' "$folder/sshd.log")" -ge 3

kill "$shell_server"
wait "$shell_server" 2>/dev/null || true
within 10 not_running "$shell_server"
shell_server other-host
ours scan ssh
prove "ssh: another key of the host is refused" exits 3
prove "ssh: and the reason is given" says "another key"
kill "$shell_server"
wait "$shell_server" 2>/dev/null || true
ours scan ssh
prove "ssh: a server that is down is a failure, not an empty result" exits 3
finish
