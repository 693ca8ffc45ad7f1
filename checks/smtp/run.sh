#!/bin/sh
# Checks how BINARY delivers mail, against a mail server that this project did not write (aiosmtpd):
#   run.sh BINARY
# PYTHON names a Python that has aiosmtpd (by default Debian's own); openssl makes the certificates. Everything
# happens on loopback and in a folder that is removed. Ends with 0 if all is as it should be.
set -eu
binary=$1
python=${PYTHON:-/usr/bin/python3}
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$folder"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

"$here/certificates.sh" "$folder"
"$python" "$here/server.py" "$folder" --tls 0 --starttls 0 --plain 0 --login checker:right-secret-77 \
    >"$folder/server.log" 2>&1 &
server=$!
waited=0
until [ -f "$folder/ports" ]; do
    waited=$((waited + 1))
    if [ "$waited" -gt 100 ] || ! kill -0 "$server" 2>/dev/null; then
        echo "the mail server did not start:" >&2
        cat "$folder/server.log" >&2
        exit 1
    fi
    sleep 0.1
done
printf 'right-secret-77\n' >"$folder/right"
printf 'wrong-secret-77\n' >"$folder/wrong"

# route NAME SERVER LISTENER SECURITY PASSWORD [MORE]
route() {
    port=$(awk -v kind="$3" '$1 == kind { print $3 }' "$folder/ports")
    cat <<EOF
[route.$1]
audience = "security"
[route.$1.to.mail]
server = "$2"
port = $port
security = "$4"
user = "checker"
password = { file = "$folder/$5" }
from = "Leakwarden <alerts@example.com>"
to = ["a@example.com", "b@example.com", "c@example.com"]
timeout = "5s"
${6:-}
EOF
}
authority="ca = \"$folder/ca.pem\""
{
    route tls localhost tls tls right "$authority"
    route starttls 127.0.0.1 starttls starttls right "$authority"
    route plain 127.0.0.1 plain none right
    route stranger localhost tls tls right
    route wrong-password localhost tls tls wrong "$authority"
    # Asks for STARTTLS where there is none, and talks in clear where TLS is wanted.
    route no-starttls localhost plain starttls right "$authority"
    route clear-to-tls localhost tls none right
} >"$folder/leakwarden.toml"

failures=0
# expect NAME ROUTE MODE OUTCOME RECIPIENTS [WORDS]: OUTCOME is `delivered` or `fails`, WORDS stand in what is said.
expect() {
    name=$1 route=$2 mode=$3 outcome=$4 recipients=$5 words=${6:-}
    rm -f "$folder"/mails/*
    echo "$mode" >"$folder/mode"
    code=0
    "$binary" --config "$folder/leakwarden.toml" --data-dir "$folder/data" notify test --to "$route" \
        >"$folder/said" 2>&1 || code=$?
    got=$(for mail in "$folder"/mails/*.eml; do
        [ -f "$mail" ] && sed -n 's/^X-Envelope-To: \(.\).*/\1/p' "$mail" | head -n 1
    done | sort | tr -d '\n')
    problem=
    case $outcome in
    delivered) [ "$code" -eq 0 ] || problem="exit code $code" ;;
    fails) [ "$code" -ne 0 ] || problem="exit code 0" ;;
    esac
    [ "$got" = "$recipients" ] || problem="$problem; \`$got\` have it, not \`$recipients\`"
    [ -z "$words" ] || grep -qF "$words" "$folder/said" || problem="$problem; it does not say \`$words\`"
    ! grep -q 'secret-77' "$folder/said" || problem="$problem; it shows a password"
    for mail in "$folder"/mails/*.eml; do
        [ -f "$mail" ] || continue
        grep -q '^Message-ID: <D-[0-9]*\.[^>]*@leakwarden>' "$mail" || problem="$problem; no Message-ID"
        grep -q '^Subject: \[TEST\]' "$mail" || problem="$problem; not marked as a test"
    done
    if [ -z "$problem" ]; then
        echo "ok    $name"
    else
        echo "WRONG $name: $problem"
        sed 's/^/      /' "$folder/said"
        failures=$((failures + 1))
    fi
}

expect "TLS" tls good delivered abc
expect "STARTTLS" starttls good delivered abc
expect "plain on this machine" plain good delivered abc
expect "an unknown authority" stranger good fails "" "certificate"
expect "a wrong password" wrong-password good fails "" "535"
expect "STARTTLS is never left out" no-starttls good fails ""
expect "clear text to a TLS port" clear-to-tls good fails ""
expect "one refused recipient" tls "refuse b@example.com" fails ac "550"
expect "one busy mailbox" starttls "busy b@example.com" fails ac "451"
expect "a slow server, in time" tls "slow 1" delivered abc
expect "a slow server, too late" tls "slow 20" fails "" "5 s"
expect "closing before it is kept" starttls close fails ""
expect "closing after it is kept" tls lost fails abc
expect "going down" plain down fails ""
expect "well again" starttls good delivered abc

[ "$failures" -eq 0 ] || exit 1
