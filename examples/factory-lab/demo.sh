#!/usr/bin/env bash
# The main job on a simulated rack: blueprint -> plan -> apply -> empty plan -> drift -> repair -> evidence; then again with
# every fault the simulator knows; then from the crate, with factory passwords and two exchanged cables. Needs only Go, git and make.
#
#   demo.sh [quiet] [faults] [crate]    some of the rounds; all when none is named
#   SPEED=300                   simulated minutes per minute
set -euo pipefail
cd "$(dirname "$0")/../.."
speed=${SPEED:-300}
work=$(mktemp -d)
mw="$work/metalwright"
sim=
cleanup() {
  if [ -n "$sim" ]; then kill "$sim" 2>/dev/null || true; wait "$sim" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT
bold= plain=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
title() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
run() { printf '$ metalwright %s\n' "$*"; "$mw" "$@"; }
expect() { # CODE COMMAND...: the command must end with that code
  local want=$1 got=0
  shift
  run "$@" || got=$?
  if [ "$got" != "$want" ]; then echo "demo: metalwright $* ended with $got, want $want" >&2; exit 1; fi
}
start_sim() { # DIR ARGS...
  local dir=$1
  shift
  printf '$ metalwright sim up %s --speed %s %s &\n' "$dir" "$speed" "$*"
  "$mw" sim up "$dir" --speed "$speed" "$@" >"$work/sim.log" 2>&1 &
  sim=$!
  for _ in $(seq 200); do
    if grep -q 'bindings in' "$work/sim.log"; then break; fi
    if ! kill -0 "$sim" 2>/dev/null; then cat "$work/sim.log" >&2; exit 1; fi
    sleep 0.1
  done
  cat "$work/sim.log"
}
stop_sim() { kill "$sim"; wait "$sim" 2>/dev/null || true; sim=; }

title "build"
go build -o "$mw" ./cli/metalwright
cd "$work"

round() { # NAME SIM-ARGS...
  local dir=$1
  shift
  title "a blueprint from the catalog"
  run init --from lab-1rack "$dir"
  run validate "$dir"
  title "a simulated rack"
  start_sim "$dir" "$@"
  title "what will happen"
  expect 2 plan "$dir" --detailed-exitcode
  title "bring it up"
  run apply "$dir" --auto-approve
  title "a second plan is empty"
  expect 0 plan "$dir" --detailed-exitcode
  title "somebody changes a setting behind its back"
  run sim poke "$dir" dell --bios SriovGlobalEnable=Disabled
  expect 2 verify "$dir"
  title "repair"
  run apply "$dir" --auto-approve
  run verify "$dir"
  title "evidence"
  run journal verify "$dir"
  run evidence collect "$dir" -o "$dir/evidence.json"
  run evidence verify "$dir/evidence.json" --key "$dir/.metalwright/keys/evidence.pub"
  run sim ledger "$dir"
  stop_sim
}

crate() { # from the crate: claim, two exchanged cables, accepted
  title "a rack in its crates"
  run init --from lab-1rack crate
  sed -i.bak 's/default     = false/default     = true/' crate/site.mw.hcl && rm crate/site.mw.hcl.bak
  export METALWRIGHT_AGE_IDENTITY=$work/crate/.metalwright/sim-identity.txt
  start_sim crate --factory --faults cable-swap@dell
  title "claim, configure; two nodes with wrong cables stay off"
  expect 3 apply crate --auto-approve
  title "the cables are put right"
  run sim poke crate dell --cable fix
  run apply crate --auto-approve
  expect 0 plan crate --detailed-exitcode
  run sim ledger crate
  stop_sim
}
[ $# -gt 0 ] || set -- quiet faults crate
for name; do
  case $name in
    quiet) round lab ;;
    faults) round faulty --faults all --seed 7 ;;
    crate) crate ;;
    *) echo "demo: there is no round $name" >&2; exit 1 ;;
  esac
done
title "demo done"
