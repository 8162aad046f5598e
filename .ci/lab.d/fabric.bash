# Sourced by the stages frr and lldpd: the fabric of a blueprint as network namespaces, one a switch and one a host, wired with veth as the
# cable plan says. Everything is made under one prefix and taken away at the end: namespaces, the processes in them, files.
# shellcheck shell=bash
plan="$here/fabric_plan.py"
work=$(mktemp -d)
chmod 711 "$work" # lldpcli and the daemons of FRR run as users of their own
prefix="mw$$-"

fabric_down() {
  local ns pid pids
  for ns in $(ip netns list | awk -v p="$prefix" 'index($1, p) == 1 { print $1 }'); do
    pids=" $(ip netns pids "$ns" | tr '\n' ' ')"
    for pid in $pids; do # not a child whose parent is there: that one sees to it
      case "$pids" in *" $(awk '/^PPid/ { print $2 }' "/proc/$pid/status" 2>/dev/null) "*) ;; *) kill "$pid" 2>/dev/null || true ;; esac
    done
  done
  for _ in $(seq 50); do
    local left=
    for ns in $(ip netns list | awk -v p="$prefix" 'index($1, p) == 1 { print $1 }'); do left+=$(ip netns pids "$ns"); done
    [ -n "$left" ] || break
    sleep 0.1
  done
  for ns in $(ip netns list | awk -v p="$prefix" 'index($1, p) == 1 { print $1 }'); do
    for pid in $(ip netns pids "$ns"); do kill -9 "$pid" 2>/dev/null || true; done
    ip netns del "$ns"
  done
  wait # for what this shell has started
}

fabric_end() {
  fabric_down
  rm -rf "$work"
}
trap fabric_end EXIT

# fabric_can says why namespaces cannot be had here, and ends with 77.
fabric_can() {
  local why=
  if [ "$(id -u)" != 0 ]; then
    why="only root makes network namespaces"
  elif ! ip netns add "${prefix}try" 2>"$work/why"; then
    why="no network namespace can be made: $(tail -1 "$work/why")"
  elif ! ip link add try0 netns "${prefix}try" type veth peer name try1 netns "${prefix}try" 2>"$work/why"; then
    why="this kernel has no veth: $(tail -1 "$work/why")"
  elif [ "$(ip netns exec "${prefix}try" sysctl -n net.ipv6.conf.all.disable_ipv6 2>/dev/null)" != 0 ]; then
    why="IPv6 is off in a new namespace: BGP unnumbered needs link-local addresses"
  fi
  ip netns del "${prefix}try" 2>/dev/null || true
  if [ -n "$why" ]; then
    echo "SKIP: $why" >&2
    exit 77
  fi
}

# fabric_design writes the blueprint with two of its hosts, and its Design.
fabric_design() {
  go build -o "$work/metalwright" ./cli/metalwright
  "$work/metalwright" init --from fabric-1rack "$work/fab" >/dev/null
  sed -i 's/for_each = { n1 = 1, n2 = 5 }/for_each = { n1 = 1 }/; s/for_each = { n3 = 10, n4 = 15 }/for_each = { n3 = 10 }/' "$work/fab/main.mw.hcl"
  rm -f "$work"/fab/*.mwtest.hcl
  "$work/metalwright" expand "$work/fab" --json >"$work/design.json" 2>"$work/expand.log" || { cat "$work/expand.log" >&2; exit 1; }
}

# fabric_up [LABEL=LABEL] makes the namespaces and lays the cables; two labels that are given change places at their leaf.
fabric_up() {
  local kind name
  while read -r kind name; do
    ip netns add "$prefix$name"
    ip netns exec "$prefix$name" sysctl -qw net.ipv4.ip_forward=$([ "$kind" = switch ] && echo 1 || echo 0) net.ipv4.conf.all.rp_filter=0
    ip -n "$prefix$name" link set lo up
  done < <(python3 -B "$plan" devices "$work/design.json")
  python3 -B "$plan" wire "$work/design.json" "$prefix" "${1:-}" | ip -batch -
  for name in $(python3 -B "$plan" devices "$work/design.json" | awk '{ print $2 }'); do
    ip -n "$prefix$name" -o link show | awk -F'[ @:]+' '$2 != "lo" { print "link set " $2 " up" }' | ip -n "$prefix$name" -batch -
  done
}

# until_true SECONDS WHAT COMMAND…: waits until the command succeeds, else says what did not come to be.
until_true() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    if [ $SECONDS -ge $end ]; then
      echo "not so after a while: $what" >&2
      return 1
    fi
    sleep 0.5
  done
}
