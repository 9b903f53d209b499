#!/bin/bash
# Shows jailkeeper's whole way once, for real and without a trace: a journal, a network and a bus
# of its own, the real service with the stock configuration, and an attacker whose failed logins
# end in the kernel's table.
#
# usage: demo.sh DIRECTORY_OF_THE_PROGRAMS      (as root)
set -euo pipefail

programs=$(realpath "${1:?usage: demo.sh DIRECTORY_OF_THE_PROGRAMS}")
here=$(realpath "$(dirname "$0")")
name=jkdemo$$
place=$(mktemp -d "/tmp/$name.XXXXXX")
host=$name-host
attacker=$name-attacker
attacker_ip=198.51.100.66
host_ip=198.51.100.1
pids=()

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
note() { printf '   %s\n' "$*"; }
in_host() { ip netns exec "$host" "$@"; }
fail() {
    echo "demo: $*" >&2
    [ ! -s "$place/service.log" ] || sed 's/^/   service: /' "$place/service.log" >&2
    exit 1
}

clean_up() {
    trap - EXIT
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    ip netns del "$host" 2>/dev/null || true
    ip netns del "$attacker" 2>/dev/null || true
    rm -rf "$place" "/run/systemd/journal.$name" "/run/log/journal/"*".$name" \
        "/var/log/journal/"*".$name"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# Waits until a command succeeds, ten seconds at most.
await() {
    local what=$1
    shift
    for _ in {1..200}; do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.05
    done
    fail "$what did not come about"
}

journal() {
    /lib/systemd/systemd-journald "$name" >"$place/journald.log" 2>&1 &
    pids+=($!)
    await "the journal" test -S "/run/systemd/journal.$name/dev-log"
    # journald goes by a sender's name as the kernel has it; a copy of logger is our sshd.
    cp "$(command -v logger)" "$place/sshd"
}

network() {
    ip netns add "$host"
    ip netns add "$attacker"
    ip -n "$host" link add inside type veth peer name outside netns "$attacker"
    ip -n "$host" addr add "$host_ip/24" dev inside
    ip -n "$attacker" addr add "$attacker_ip/24" dev outside
    for end in "$host:lo" "$host:inside" "$attacker:lo" "$attacker:outside"; do
        ip -n "${end%%:*}" link set "${end##*:}" up
    done
    ip netns exec "$host" nc -lk 22 </dev/null >/dev/null 2>&1 &
    pids+=($!)
}

bus() {
    cat >"$place/bus.conf" <<XML
<busconfig>
  <type>system</type>
  <listen>unix:path=$place/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
  </policy>
</busconfig>
XML
    dbus-daemon --config-file="$place/bus.conf" --nofork --nopidfile >"$place/bus.log" 2>&1 &
    pids+=($!)
    await "the bus" test -S "$place/bus"
    export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$place/bus
}

service() {
    mkdir "$place/etc" "$place/state"
    # The bus of our own has no logind who could say who is logged in.
    printf '[journal]\nnamespace = "%s"\n[default]\nignoresessions = false\n' "$name" \
        >"$place/etc/jailkeeper.toml"
    ip netns exec "$host" "$programs/jailkeeperd" --vendor "$here/jailkeeper" \
        --config "$place/etc" --state "$place/state" >"$place/service.log" 2>&1 &
    pids+=($!)
    await "the service" grep -q '^ready' "$place/service.log"
}

# journald asks the kernel for a sender's name, so that whoever logs must still be there then: one
# sshd says it all, and stays.
attacked_sshd() {
    mkfifo "$place/attempts"
    "$place/sshd" --socket "/run/systemd/journal.$name/dev-log" --tag sshd --priority auth.info \
        <"$place/attempts" &
    pids+=($!)
    exec {attempts}>"$place/attempts"
}

failed_login() {
    echo "Failed password for root from $attacker_ip port $((40000 + $1)) ssh2" >&"$attempts"
}

connects() { ip netns exec "$attacker" nc -z -w 1 "$host_ip" 22 2>/dev/null; }

# Milliseconds from the journal's own stamp on the last failed login until the kernel had the
# element: it tells how much of the ten minutes is left.
how_long() {
    local logged now left
    logged=$(journalctl --namespace="$name" -t sshd -n 1 -o json |
        sed -E 's/.*"__REALTIME_TIMESTAMP" *: *"([0-9]+)".*/\1/')
    now=${EPOCHREALTIME/[.,]/}
    left=$(in_host nft list set inet jailkeeper sshd4 | sed -nE 's/.*expires ([0-9a-z]+).*/\1/p')
    [[ $left =~ ^(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?$ ]] || fail "the element is missing"
    left=$((60000 * BASH_REMATCH[2] + 1000 * BASH_REMATCH[4] + BASH_REMATCH[6]))
    echo $(((now - logged) / 1000 - (600000 - left)))
}

say "Making a journal, a network and a bus of our own, and starting the service there"
journal
network
bus
service
attacked_sshd
sed 's/^/   /' "$place/service.log"

say "$attacker_ip can reach port 22:"
await "a connection" connects
note "connected"

say "It guesses root's password, five times:"
for attempt in 1 2 3 4 5; do failed_login "$attempt"; done
await "the ban" grep -q 'Ban ' "$place/service.log"
grep -E 'Found|Ban' "$place/service.log" | sed 's/^/   /'

say "How long that took, from the journal's stamp on the fifth failure:"
note "$(how_long) ms until the kernel had the ban"
note "(journald lets up to 250 ms pass before it tells its readers of an entry)"

say "What the kernel has (nft list table inet jailkeeper):"
in_host nft list table inet jailkeeper | sed 's/^/   /'

say "What the service says (jailkeeper status sshd):"
"$programs/jailkeeper" status sshd | sed 's/^/   /'

say "$attacker_ip tries port 22 again:"
if connects; then fail "it still gets through"; fi
note "no answer: the kernel drops its packets"

say "We let it in again (jailkeeper unban $attacker_ip):"
"$programs/jailkeeper" unban "$attacker_ip" | sed 's/^/   /'
connects || fail "it does not get through"
note "connected"

say "Done. Nothing of this is left on the machine."
