#!/usr/bin/env bash
# Whether sources are reached through a proxy, names are left to the proxy, and nothing goes around it, with two proxies
# that this project did not write (tinyproxy for HTTP, microsocks for SOCKS 5):
#   run.sh BINARY
# Everything happens on loopback and in a folder that is removed. The site has a name that only the proxies know, from a
# hosts file of their own; that takes a mount namespace (as root, or where user namespaces are allowed). Without one the
# site goes by its address. Ends with 0 if all is as it should be.
# shellcheck source=../kit.sh
. "$(dirname "$0")/../kit.sh"

export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
work stolen-page >"$folder/stolen-page"
work stolen-repository >"$folder/stolen-repository"
mkdir "$home/work"
cp "$folder/stolen-page" "$folder/stolen-repository" "$home/work"

# A page, and a repository as plain files, which git can read from any web server.
site=$folder/site
mkdir -p "$site/raw"
cp "$folder/stolen-page" "$site/raw/p1"
work unrelated >"$site/raw/p2"
printf '<ul><li><a href="/show/p1">one</a></li><li><a href="/show/p2">two</a></li></ul>\n' >"$site/index.html"
git init -q -b main "$folder/tree"
cp "$folder/stolen-repository" "$folder/tree/tool.rs"
git -C "$folder/tree" add tool.rs
git -C "$folder/tree" -c user.name=checker -c user.email=checker@example.com commit -q -m "Add a tool"
git clone -q --bare "$folder/tree" "$site/tool.git"
git -C "$site/tool.git" update-server-info

web=$(free_port)
serve site "$python" -u -m http.server --bind 127.0.0.1 --directory "$site" "$web"
up site "$web"
asked() {
    wc -l <"$folder/site.log"
}

# Where names come from, for the proxies only.
name=pastes.check.example
as_proxy=()
allow=
printf '127.0.0.1 localhost %s\n' "$name" >"$folder/hosts"
if unshare --mount --propagation private true 2>/dev/null; then
    as_proxy=(unshare --mount --propagation private)
elif unshare --map-root-user --mount --propagation private true 2>/dev/null; then
    as_proxy=(unshare --map-root-user --mount --propagation private)
else
    echo "LEFT OUT: names that only a proxy knows (needs root, or user namespaces)"
    name=127.0.0.1
    allow='"127.0.0.1/32"'
fi
# serve_proxy NAME COMMAND...
serve_proxy() {
    local of=$1
    shift
    # shellcheck disable=SC2016
    [ -z "$allow" ] && set -- sh -c 'mount --bind "$0" /etc/hosts && exec "$@"' "$folder/hosts" "$@"
    serve "$of" ${as_proxy[@]+"${as_proxy[@]}"} "$@"
}

tiny=$(free_port)
cat >"$folder/tinyproxy.conf" <<CONF
Port $tiny
Listen 127.0.0.1
Allow 127.0.0.1
BasicAuth leakwarden right-secret-77
LogLevel Connect
Timeout 30
CONF
serve_proxy http "$(PATH=$PATH:/usr/sbin command -v tinyproxy)" -d -c "$folder/tinyproxy.conf"
tiny_server=$server
up http "$tiny"
socks=$(free_port)
serve_proxy socks microsocks -i 127.0.0.1 -p "$socks" -u leakwarden -P right-secret-77
socks_server=$server
up socks "$socks"
echo right-secret-77 >"$folder/right"
echo wrong-secret-77 >"$folder/wrong"

# configure PROXY PASSWORD
configure() {
    cat >"$home/leakwarden.toml" <<TOML
[http]
allow = [$allow]
pace = "0s"
attempts = 1
proxy = "$1"
proxy_user = "leakwarden"
proxy_password = { file = "$folder/$2" }
TOML
}
cat >"$home/watchlists/sources.toml" <<TOML
[source.page.from.page]
url = "http://$name:$web/"
item = "li"
id = "/show/(.+)"
raw_url = "http://$name:$web/raw/{id}"
[source.repository.from.git]
url = "http://$name:$web/tool.git"
[source.inside.from.page]
url = "http://10.1.2.3/"
item = "li"
TOML

# through KIND PROXY SERVER: everything about one proxy, whose log is KIND.log.
through() {
    local kind=$1 proxy=$2 before
    rm -rf "$home/data"
    configure "$proxy" right
    ours corpus add works "$home/work"
    ours scan page
    prove "$kind: a page and its items come through the proxy" exits 1
    prove "$kind: the proxy was asked for the site" grep -q "$name" "$folder/$kind.log"
    ours scan repository
    prove "$kind: a git repository comes through the proxy" exits 1
    ours incident list
    prove "$kind: both leaks were found" test "$(grep -c '^INC-' "$folder/out")" -eq 2
    before=$(asked)
    ours scan inside
    prove "$kind: an inner address is refused, proxy or not" exits 3
    prove "$kind: and the reason says what to do" says "http.allow"

    configure "$proxy" wrong
    rm -rf "$home/data/cache"
    ours scan page
    prove "$kind: a wrong password is a failure, not an empty result" exits 3
    prove "$kind: no password is shown" silent secret-77
    configure "$proxy" right
    kill "$3"
    wait "$3" 2>/dev/null || true
    ours scan page repository
    prove "$kind: without the proxy nothing is reached" exits 3
    prove "$kind: and the reason is the proxy" says "proxy"
    prove "$kind: nothing went around it" test "$(asked)" -eq "$before"
}
through http "http://127.0.0.1:$tiny" "$tiny_server"
through socks "socks5h://127.0.0.1:$socks" "$socks_server"
finish
