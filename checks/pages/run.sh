#!/usr/bin/env bash
# Whether a page, a feed and a folder are looked at by a complete scan, and a second look asks only whether something has
# changed, against a web server that this project did not write (nginx):
#   run.sh BINARY
# Everything happens on loopback and in a folder that is removed. Ends with 0 if all is as it should be.
# shellcheck source=../kit.sh
. "$(dirname "$0")/../kit.sh"

site=$folder/site
mkdir -p "$site/raw" "$site/posts" "$home/work" "$home/drop"
for number in 1 2 3 4; do
    work "stolen-$number" >"$home/work/$number.rs"
done

# page ID...: the listing, newest first.
page() {
    local id
    {
        echo '<!doctype html><title>Recent</title><table>'
        for id in "$@"; do
            echo "<tr><td><a class=t href=\"/show/$id\">Paste $id</a></td><td>somebody</td></tr>"
        done
        echo '</table>'
    } >"$site/index.html"
}
# feed NUMBER...
feed() {
    local number
    {
        echo '<?xml version="1.0"?><rss version="2.0"><channel><title>Posts</title><link>http://x/</link>'
        echo '<description>d</description>'
        for number in "$@"; do
            echo "<item><title>Post $number</title><link>http://127.0.0.1:$web/posts/$number.html</link>"
            echo "<guid>post-$number</guid></item>"
        done
        echo '</channel></rss>'
    } >"$site/feed.xml"
}
# post NUMBER FILE: a post that quotes a file.
post() {
    {
        echo '<!doctype html><title>Look</title><p>Found this:</p><pre>'
        sed 's/&/\&amp;/g; s/</\&lt;/g' "$2"
        echo '</pre>'
    } >"$site/posts/$1.html"
}

web=$(free_port)
cat >"$folder/nginx.conf" <<CONF
daemon off;
worker_processes 1;
pid $folder/nginx.pid;
error_log $folder/nginx.log;
$([ "$(id -u)" -ne 0 ] || echo "user root;")
events {}
http {
    log_format check '\$status \$request_method \$uri \$bytes_sent';
    access_log $folder/access.log check;
    client_body_temp_path $folder/t1;
    proxy_temp_path $folder/t2;
    fastcgi_temp_path $folder/t3;
    uwsgi_temp_path $folder/t4;
    scgi_temp_path $folder/t5;
    types { text/html html; text/xml xml; }
    default_type text/plain;
    gzip on;
    server {
        listen 127.0.0.1:$web;
        root $site;
        location /gone/ { return 404; }
    }
}
CONF

cat >"$home/leakwarden.toml" <<'TOML'
[http]
allow = ["127.0.0.1/32"]
pace = "0s"
TOML
cat >"$home/watchlists/sources.toml" <<TOML
[source.listing.from.page]
url = "http://127.0.0.1:$web/"
item = "tr"
link = "a.t"
id = "/show/(.+)"
raw_url = "http://127.0.0.1:$web/raw/{id}"
[source.posts.from.feed]
url = "http://127.0.0.1:$web/feed.xml"
[source.drop.from.directory]
path = "drop"
settle = "0s"
TOML

work unrelated-1 >"$site/raw/aa"
work unrelated-2 >"$site/raw/bb"
cp "$home/work/1.rs" "$site/raw/cc"
page aa bb cc
work unrelated-3 >"$folder/unrelated-3"
post 1 "$folder/unrelated-3"
post 2 "$home/work/2.rs"
feed 1 2
cp "$home/work/3.rs" "$home/drop/found.txt"
work unrelated-4 >"$home/drop/other.txt"
# What was written a moment ago may change in the same second: servers and clients are wary of it.
touch -d '1 hour ago' "$site"/*.* "$site"/raw/* "$site"/posts/*

serve nginx "$(PATH=$PATH:/usr/sbin command -v nginx)" -e "$folder/nginx.log" -c "$folder/nginx.conf"
up nginx "$web"
# What the server was asked since the last call, by its own log: $folder/asked.
since=0
asked() {
    tail -n "+$((since + 1))" "$folder/access.log" >"$folder/asked"
    since=$(wc -l <"$folder/access.log")
}
lines() {
    [ "$(grep -cE "$2" "$folder/asked" || true)" -eq "$1" ] || { sed 's/^/      asked: /' "$folder/asked" && false; }
}
incidents() {
    ours incident list
    [ "$(grep -c '^INC-' "$folder/out" || true)" -eq "$1" ]
}

ours corpus add works "$home/work"
prove "the corpus is added" exits 0
ours scan
prove "three sources, three leaks: found" exits 1
cp "$folder/out" "$folder/first"
asked
prove "one incident for each" incidents 3
prove "the listing was read once" lines 1 '^200 GET /index.html'
prove "the feed was read once" lines 1 '^200 GET /feed.xml'
prove "each item was fetched once" lines 5 '^200 GET /(raw|posts)/'

ours scan
prove "a second look finds nothing new" exits 0
asked
prove "the listing and the feed have not changed, and the server says so" lines 2 '^304 GET /(index.html|feed.xml)'
prove "nothing else was asked for" lines 2 ' GET '
prove "there are no more incidents" incidents 3

cp "$home/work/4.rs" "$site/raw/dd"
page dd aa bb cc
ours scan listing
prove "what is new on the page is found" exits 1
asked
prove "only the listing and what is new were fetched" lines 2 '^200 GET /(index.html|raw/dd)'
prove "and nothing else" lines 2 ' GET '
prove "that is one incident more" incidents 4

page ee dd aa bb cc
ours scan listing
prove "an item that is gone is told, not passed over" exits 3
page
ours scan listing
prove "a listing that shows nothing any more is a failure" exits 3
mv "$site/feed.xml" "$site/feed.old"
ours scan posts
prove "a feed that is gone is a failure" exits 3
mv "$site/feed.old" "$site/feed.xml"
ours scan posts
prove "and well again when it is back" exits 0
finish
